-- SPDX-License-Identifier: Apache-2.0
-- flashgate's ledger, version 2: what makes sure of a row that was read.  Every
-- statement may be run again at any time.

-- Counters without a meaning: that one was changed and committed puts the redo of
-- all that was committed before on disk (src/ledger/durable.h).  As many rows as
-- BARRIER_ROWS says, so that two connections seldom want the same one.
CREATE TABLE IF NOT EXISTS barrier (
  id  TINYINT UNSIGNED NOT NULL PRIMARY KEY,
  n   BIGINT UNSIGNED NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT IGNORE INTO barrier (id) VALUES
  (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13),
  (14), (15), (16), (17), (18), (19), (20), (21), (22), (23), (24), (25), (26),
  (27), (28), (29), (30), (31), (32), (33), (34), (35), (36), (37), (38), (39),
  (40), (41), (42), (43), (44), (45), (46), (47), (48), (49), (50), (51), (52),
  (53), (54), (55), (56), (57), (58), (59), (60), (61), (62), (63);

-- Last: whoever sees the version sees all of it.
INSERT IGNORE INTO schema_version (version) VALUES (2);
