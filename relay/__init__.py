"""A relay between a company's Telegram bot and Voximplant Kit, its contact-centre desk."""

__version__ = "0.1.0"
