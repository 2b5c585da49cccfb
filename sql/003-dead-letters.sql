-- SPDX-License-Identifier: Apache-2.0
-- flashgate's ledger, version 3: accepted orders that could not be written.  Every
-- statement may be run again at any time.  It needs grants of its own: run
-- users.sql.example again.

-- An order of mode queue or sweep whose entry was no order, or whose row the
-- ledger refuses for what it says: taken out of the queue, so that it holds up
-- nobody, and kept here for the operator.  Its claim is void in orders (where it
-- could be read).  What stands here was not believed: the columns are wide enough
-- for anything that can be read of an entry.
CREATE TABLE IF NOT EXISTS dead_letters (
  id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at           DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  sale_id      INT UNSIGNED NOT NULL,
  epoch        INT UNSIGNED NOT NULL,
  entry_ms     BIGINT UNSIGNED NOT NULL,  -- the entry's id in the stream
  entry_seq    BIGINT UNSIGNED NOT NULL,
  deliveries   INT UNSIGNED NOT NULL,
  reason       VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  claim        BINARY(16) NULL,           -- NULL: it could not be read
  customer     VARBINARY(64) NULL,
  unit_no      INT UNSIGNED NOT NULL,
  slot         INT UNSIGNED NOT NULL,
  payload_hash BINARY(8) NOT NULL,
  ref          VARBINARY(64) NULL,
  created      DATETIME(6) NULL,
  state        ENUM('dead', 'retried') NOT NULL DEFAULT 'dead',
  retried_as   BINARY(16) NULL,           -- the claim that took its place
  UNIQUE KEY dead_letters_entry (sale_id, epoch, entry_ms, entry_seq),
  CONSTRAINT dead_letters_state CHECK (
    (state = 'dead' AND retried_as IS NULL)
    OR (state = 'retried' AND retried_as IS NOT NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Last: whoever sees the version sees all of it.
INSERT IGNORE INTO schema_version (version) VALUES (3);
