-- A PostgreSQL database of schema 0013, for the migrations after it.

CREATE TABLE alert (
	name VARCHAR(128) NOT NULL,
	kind VARCHAR(32) NOT NULL,
	channel VARCHAR(64) NOT NULL,
	reason TEXT NOT NULL,
	since FLOAT NOT NULL,
	over_at FLOAT,
	url_told VARCHAR(8) NOT NULL,
	chat_told VARCHAR(8) NOT NULL,
	CONSTRAINT pk_alert PRIMARY KEY (name)
);
CREATE TABLE backfill (
	name VARCHAR(32) NOT NULL,
	next_id BIGINT NOT NULL,
	CONSTRAINT pk_backfill PRIMARY KEY (name)
);
COMMENT ON COLUMN backfill.next_id IS 'this row and those before it are to be filled';
CREATE TABLE business_connection (
	channel VARCHAR(32) NOT NULL,
	id VARCHAR(255) NOT NULL,
	user_id BIGINT NOT NULL,
	user_chat_id BIGINT NOT NULL,
	rights TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	updated_at FLOAT NOT NULL,
	CONSTRAINT pk_business_connection PRIMARY KEY (channel, id)
);
COMMENT ON COLUMN business_connection.rights IS 'Telegram''s BusinessBotRights, as JSON';
CREATE TABLE callback_record (
	channel VARCHAR(32) NOT NULL,
	accepted_at FLOAT,
	refused_at FLOAT,
	CONSTRAINT pk_callback_record PRIMARY KEY (channel)
);
COMMENT ON COLUMN callback_record.refused_at IS 'the last one that looked like Kit''s';
CREATE TABLE client_link (
	channel VARCHAR(32) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	chat_id BIGINT NOT NULL,
	open BOOLEAN NOT NULL,
	closed_at FLOAT,
	created_at FLOAT NOT NULL,
	business_connection_id VARCHAR(255),
	message_thread_id BIGINT,
	direct_messages_topic_id BIGINT,
	unreachable TEXT,
	unreachable_told BOOLEAN DEFAULT false NOT NULL,
	language VARCHAR(64) DEFAULT '' NOT NULL,
	profile TEXT DEFAULT '{}' NOT NULL,
	first_touch TEXT DEFAULT '{}' NOT NULL,
	avatar VARCHAR(64),
	avatar_checked_at FLOAT,
	loss_told BOOLEAN DEFAULT false NOT NULL,
	CONSTRAINT pk_client_link PRIMARY KEY (channel, client_id)
);
CREATE INDEX ix_client_link_business ON client_link (channel, business_connection_id) WHERE business_connection_id IS NOT NULL;
COMMENT ON COLUMN client_link.open IS 'a conversation is open in Kit, as far as we know';
COMMENT ON COLUMN client_link.unreachable IS 'why nothing can be delivered until the customer writes';
COMMENT ON COLUMN client_link.unreachable_told IS 'the agent of the open conversation knows it';
COMMENT ON COLUMN client_link.profile IS 'Kit''s client_data but for the id, as JSON';
COMMENT ON COLUMN client_link.first_touch IS 'the first utm and page, as JSON';
COMMENT ON COLUMN client_link.avatar IS 'of the picture: what follows /media/ in its link';
COMMENT ON COLUMN client_link.loss_told IS 'they were told in this conversation that something of theirs was lost';
CREATE TABLE deep_link (
	channel VARCHAR(32) NOT NULL,
	code VARCHAR(64) NOT NULL,
	touch TEXT NOT NULL,
	created_at FLOAT NOT NULL,
	CONSTRAINT pk_deep_link PRIMARY KEY (channel, code)
);
COMMENT ON COLUMN deep_link.touch IS 'utm and page, as JSON';
CREATE TABLE erasure (
	channel VARCHAR(32) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	asked_at FLOAT NOT NULL,
	last_letter BIGINT NOT NULL,
	last_delivery BIGINT NOT NULL,
	CONSTRAINT pk_erasure PRIMARY KEY (channel, client_id)
);
COMMENT ON COLUMN erasure.last_letter IS 'what came later is a new customer''s';
COMMENT ON COLUMN erasure.last_delivery IS 'the same';
CREATE TABLE inbox (
	id BIGSERIAL NOT NULL,
	channel VARCHAR(32) NOT NULL,
	source VARCHAR(16) NOT NULL,
	source_id VARCHAR(128) NOT NULL,
	body TEXT,
	body_sha256 VARCHAR(64) NOT NULL,
	received_at FLOAT NOT NULL,
	declined TEXT,
	client_id VARCHAR(128),
	CONSTRAINT pk_inbox PRIMARY KEY (id),
	CONSTRAINT uq_inbox_channel_source_source_id UNIQUE (channel, source, source_id)
);
CREATE INDEX ix_inbox_blank ON inbox (source, received_at) WHERE body IS NULL;
CREATE INDEX ix_inbox_bodies ON inbox (received_at) WHERE body IS NOT NULL;
CREATE INDEX ix_inbox_client ON inbox (channel, client_id, id) WHERE client_id IS NOT NULL;
COMMENT ON COLUMN inbox.declined IS 'why nothing is delivered for this letter';
COMMENT ON COLUMN inbox.client_id IS 'null: nobody''s';
CREATE TABLE known_event (
	id BYTEA NOT NULL,
	body BYTEA NOT NULL,
	CONSTRAINT pk_known_event PRIMARY KEY (id)
);
COMMENT ON COLUMN known_event.id IS 'a hash of channel and event id';
COMMENT ON COLUMN known_event.body IS 'a hash of the body';
CREATE TABLE lane (
	id BIGSERIAL NOT NULL,
	channel VARCHAR(32) NOT NULL,
	direction VARCHAR(16) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	due_at FLOAT,
	since FLOAT DEFAULT '0' NOT NULL,
	lease INTEGER DEFAULT '0' NOT NULL,
	leased BOOLEAN DEFAULT false NOT NULL,
	crashes INTEGER DEFAULT '0' NOT NULL,
	blame VARCHAR(8),
	backs_off BOOLEAN DEFAULT false NOT NULL,
	CONSTRAINT pk_lane PRIMARY KEY (id),
	CONSTRAINT uq_lane_channel_direction_client_id UNIQUE (channel, direction, client_id)
);
CREATE INDEX ix_lane_account ON lane (channel, direction, crashes) WHERE crashes > 0;
CREATE INDEX ix_lane_due ON lane (channel, direction, due_at) WHERE due_at IS NOT NULL AND leased IS false;
COMMENT ON COLUMN lane.since IS 'when its row of deliveries began to wait';
COMMENT ON COLUMN lane.crashes IS 'deaths of processes on its account';
COMMENT ON COLUMN lane.blame IS 'who is charged if the process dies now: see claiming.py';
COMMENT ON COLUMN lane.backs_off IS 'nobody asked for the wait until due_at: what is new, or the side''s recovery, ends it';
CREATE TABLE media (
	id VARCHAR(64) NOT NULL,
	channel VARCHAR(32) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	file_id TEXT NOT NULL,
	name TEXT NOT NULL,
	mime_type VARCHAR(255) NOT NULL,
	size BIGINT,
	created_at FLOAT NOT NULL,
	source_type VARCHAR(255),
	preview TEXT,
	CONSTRAINT pk_media PRIMARY KEY (id)
);
CREATE INDEX ix_media_client ON media (channel, client_id);
COMMENT ON COLUMN media.source_type IS 'the type at Telegram, if mime_type is converted from it';
COMMENT ON COLUMN media.preview IS 'the file_id of a still picture, if the file cannot be shown itself';
CREATE TABLE message (
	channel VARCHAR(32) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	message_id BIGINT NOT NULL,
	author VARCHAR(16) NOT NULL,
	text TEXT NOT NULL,
	mark TEXT NOT NULL,
	said_at FLOAT NOT NULL,
	delivery_id BIGINT,
	CONSTRAINT pk_message PRIMARY KEY (channel, client_id, message_id)
);
CREATE INDEX ix_message_said_at ON message (said_at);
COMMENT ON COLUMN message.mark IS 'what sets equal words apart: the files beside them';
COMMENT ON COLUMN message.delivery_id IS 'an agent''s: what said it';
CREATE TABLE polling_offset (
	channel VARCHAR(32) NOT NULL,
	next_update_id BIGINT NOT NULL,
	CONSTRAINT pk_polling_offset PRIMARY KEY (channel)
);
CREATE TABLE process_run (
	started_at FLOAT NOT NULL,
	clean BOOLEAN NOT NULL,
	CONSTRAINT pk_process_run PRIMARY KEY (started_at)
);
COMMENT ON COLUMN process_run.clean IS 'it ended as it was told to';
CREATE TABLE rating (
	channel VARCHAR(32) NOT NULL,
	asked_for VARCHAR(128) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	stars INTEGER,
	asked_at FLOAT NOT NULL,
	rated_at FLOAT,
	CONSTRAINT pk_rating PRIMARY KEY (channel, asked_for)
);
CREATE INDEX ix_rating_asked_at ON rating (asked_at);
COMMENT ON COLUMN rating.asked_for IS 'derived from the event that closed it';
COMMENT ON COLUMN rating.stars IS '1 to 5; null: not rated yet';
CREATE TABLE refused_callback (
	channel VARCHAR(32) NOT NULL,
	minute BIGINT NOT NULL,
	times BIGINT NOT NULL,
	CONSTRAINT pk_refused_callback PRIMARY KEY (channel, minute)
);
COMMENT ON COLUMN refused_callback.minute IS 'Unix time / 60';
CREATE TABLE tally (
	channel VARCHAR(32) NOT NULL,
	direction VARCHAR(16) NOT NULL,
	outcome VARCHAR(16) NOT NULL,
	total BIGINT NOT NULL,
	CONSTRAINT pk_tally PRIMARY KEY (channel, direction, outcome)
);
CREATE TABLE unknown_client (
	channel VARCHAR(32) NOT NULL,
	client_id VARCHAR(128) NOT NULL,
	told_at FLOAT NOT NULL,
	CONSTRAINT pk_unknown_client PRIMARY KEY (channel, client_id)
);
CREATE INDEX ix_unknown_client_told_at ON unknown_client (told_at);
CREATE TABLE outbox (
	id BIGSERIAL NOT NULL,
	channel VARCHAR(32) NOT NULL,
	direction VARCHAR(16) NOT NULL,
	lane_id BIGINT,
	letter_id BIGINT,
	body TEXT,
	status VARCHAR(16) NOT NULL,
	steps_done INTEGER DEFAULT '0' NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	uncertain INTEGER DEFAULT '0' NOT NULL,
	failing_since FLOAT,
	reason TEXT,
	accepted_at FLOAT NOT NULL,
	settled_at FLOAT,
	not_before FLOAT,
	album VARCHAR(255),
	parts TEXT,
	address TEXT,
	CONSTRAINT pk_outbox PRIMARY KEY (id),
	CONSTRAINT ck_outbox_status CHECK (status IN ('waiting', 'delivered', 'dead')),
	CONSTRAINT fk_outbox_lane_id FOREIGN KEY(lane_id) REFERENCES lane (id),
	CONSTRAINT fk_outbox_letter_id FOREIGN KEY(letter_id) REFERENCES inbox (id)
);
CREATE INDEX ix_outbox_album ON outbox (lane_id, album) WHERE album IS NOT NULL;
CREATE INDEX ix_outbox_dead ON outbox (channel, id) WHERE status = 'dead';
CREATE INDEX ix_outbox_delivered ON outbox (settled_at) WHERE status = 'delivered';
CREATE INDEX ix_outbox_letter_id ON outbox (letter_id);
CREATE INDEX ix_outbox_letterless ON outbox (lane_id, id) WHERE letter_id IS NULL;
CREATE INDEX ix_outbox_waiting ON outbox (lane_id, id) WHERE status = 'waiting';
COMMENT ON COLUMN outbox.lane_id IS 'null: the letter could not be read';
COMMENT ON COLUMN outbox.failing_since IS 'since when attempts that count have failed';
COMMENT ON COLUMN outbox.reason IS 'what the last failure said';
COMMENT ON COLUMN outbox.not_before IS 'an album waits until then for its siblings';
COMMENT ON COLUMN outbox.album IS 'what siblings of an album share';
COMMENT ON COLUMN outbox.parts IS 'an album''s parts so far, while it waits for more';
COMMENT ON COLUMN outbox.address IS 'where to, if not where the client is answered';
CREATE TABLE failed_attempt (
	delivery_id BIGINT NOT NULL,
	reason VARCHAR(500) NOT NULL,
	times INTEGER NOT NULL,
	first_at FLOAT NOT NULL,
	last_at FLOAT NOT NULL,
	CONSTRAINT pk_failed_attempt PRIMARY KEY (delivery_id, reason),
	CONSTRAINT fk_failed_attempt_delivery_id FOREIGN KEY(delivery_id) REFERENCES outbox (id) ON DELETE CASCADE
);
CREATE TABLE duty (
    name VARCHAR(32) PRIMARY KEY,
    holder VARCHAR(32) NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL
);
CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0013');
