"""Which ending goes with which media type: for names without an ending, and for files without a type. Pure.

Not Python's `mimetypes`, which asks the machine that it runs on, and in 3.11 knows neither DOCX nor HEIC.
"""

from typing import Final

UNKNOWN: Final = "application/octet-stream"

#: Endings and their types. Where one type has several endings, or one ending several types, the first is the usual one.
_PAIRS: Final = """
.pdf application/pdf
.doc application/msword
.docx application/vnd.openxmlformats-officedocument.wordprocessingml.document
.docm application/vnd.ms-word.document.macroenabled.12
.dotx application/vnd.openxmlformats-officedocument.wordprocessingml.template
.xls application/vnd.ms-excel
.xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
.xlsm application/vnd.ms-excel.sheet.macroenabled.12
.xlsb application/vnd.ms-excel.sheet.binary.macroenabled.12
.xltx application/vnd.openxmlformats-officedocument.spreadsheetml.template
.ppt application/vnd.ms-powerpoint
.pptx application/vnd.openxmlformats-officedocument.presentationml.presentation
.ppsx application/vnd.openxmlformats-officedocument.presentationml.slideshow
.odt application/vnd.oasis.opendocument.text
.ods application/vnd.oasis.opendocument.spreadsheet
.odp application/vnd.oasis.opendocument.presentation
.odg application/vnd.oasis.opendocument.graphics
.pages application/vnd.apple.pages
.numbers application/vnd.apple.numbers
.key application/vnd.apple.keynote
.vsd application/vnd.visio
.vsdx application/vnd.ms-visio.drawing
.mpp application/vnd.ms-project
.msg application/vnd.ms-outlook
.one application/onenote
.rtf application/rtf
.rtf text/rtf
.txt text/plain
.log text/plain
.csv text/csv
.tsv text/tab-separated-values
.md text/markdown
.html text/html
.htm text/html
.css text/css
.xml application/xml
.xml text/xml
.json application/json
.js text/javascript
.js application/javascript
.yaml application/yaml
.yaml text/yaml
.yml application/yaml
.toml application/toml
.sql application/sql
.py text/x-python
.sh application/x-sh
.vcf text/vcard
.vcf text/x-vcard
.ics text/calendar
.eml message/rfc822
.epub application/epub+zip
.mobi application/x-mobipocket-ebook
.fb2 application/x-fictionbook+xml
.djvu image/vnd.djvu
.zip application/zip
.zip application/x-zip-compressed
.rar application/vnd.rar
.rar application/x-rar-compressed
.rar application/x-rar
.7z application/x-7z-compressed
.gz application/gzip
.gz application/x-gzip
.tgz application/gzip
.tar application/x-tar
.bz2 application/x-bzip2
.xz application/x-xz
.zst application/zstd
.apk application/vnd.android.package-archive
.exe application/vnd.microsoft.portable-executable
.exe application/x-msdownload
.msi application/x-msi
.dmg application/x-apple-diskimage
.iso application/x-iso9660-image
.jar application/java-archive
.ttf font/ttf
.otf font/otf
.woff2 font/woff2
.p7s application/pkcs7-signature
.p7m application/pkcs7-mime
.p12 application/x-pkcs12
.psd image/vnd.adobe.photoshop
.ai application/postscript
.ps application/postscript
.eps application/postscript
.dwg image/vnd.dwg
.dxf image/vnd.dxf
.stl model/stl
.gltf model/gltf+json
.glb model/gltf-binary
.gpx application/gpx+xml
.kml application/vnd.google-earth.kml+xml
.kmz application/vnd.google-earth.kmz
.tgs application/x-tgsticker
.torrent application/x-bittorrent
.jpg image/jpeg
.jpg image/jpg
.jpg image/pjpeg
.jpeg image/jpeg
.jfif image/jpeg
.png image/png
.gif image/gif
.webp image/webp
.avif image/avif
.heic image/heic
.heic image/heic-sequence
.heics image/heic-sequence
.heif image/heif
.heif image/heif-sequence
.hif image/heif
.heifs image/heif-sequence
.jxl image/jxl
.jp2 image/jp2
.bmp image/bmp
.bmp image/x-ms-bmp
.tif image/tiff
.tiff image/tiff
.ico image/vnd.microsoft.icon
.ico image/x-icon
.svg image/svg+xml
.dng image/x-adobe-dng
.cr2 image/x-canon-cr2
.nef image/x-nikon-nef
.arw image/x-sony-arw
.mp3 audio/mpeg
.mp3 audio/mp3
.mp3 audio/x-mp3
.m4a audio/mp4
.m4a audio/x-m4a
.m4a audio/m4a
.m4b audio/x-m4b
.aac audio/aac
.aac audio/x-aac
.ogg audio/ogg
.oga audio/ogg
.opus audio/opus
.wav audio/wav
.wav audio/x-wav
.wav audio/vnd.wave
.wav audio/wave
.flac audio/flac
.flac audio/x-flac
.amr audio/amr
.awb audio/amr-wb
.wma audio/x-ms-wma
.aiff audio/aiff
.aiff audio/x-aiff
.aif audio/aiff
.mid audio/midi
.caf audio/x-caf
.3gp video/3gpp
.3gp audio/3gpp
.3g2 video/3gpp2
.mp4 video/mp4
.m4v video/x-m4v
.mov video/quicktime
.webm video/webm
.webm audio/webm
.weba audio/webm
.mkv video/x-matroska
.mkv video/matroska
.avi video/x-msvideo
.avi video/avi
.mpg video/mpeg
.mpeg video/mpeg
.ogv video/ogg
.wmv video/x-ms-wmv
.flv video/x-flv
.ts video/mp2t
"""


def _read() -> tuple[dict[str, str], dict[str, str]]:
    endings: dict[str, str] = {}
    types: dict[str, str] = {}
    for line in _PAIRS.split("\n"):
        ending, _, media_type = line.partition(" ")
        endings.setdefault(media_type, ending)
        types.setdefault(ending, media_type)
    return endings, types


_ENDINGS, _TYPES = _read()


def ending_of(media_type: str) -> str:
    """The usual ending of a media type, with its dot; "" when there is none that we know."""
    return _ENDINGS.get(media_type, "")


def type_of(name: str) -> str:
    """What a file's ending says that it is; "" if it says nothing."""
    _, dot, ending = name.rpartition(".")
    return _TYPES.get(f".{ending.lower()}", "") if dot else ""
