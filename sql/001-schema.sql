-- SPDX-License-Identifier: Apache-2.0
-- flashgate's ledger, version 1.  Every statement may be run again at any time.
-- MariaDB >= 10.6, MySQL >= 8.0.16 (older ones parse CHECK and ignore it).
-- sql/README says what a file of this folder may hold.

-- What is on sale, when, and in which generation of its gate.
CREATE TABLE IF NOT EXISTS sales (
  id           INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  slug         VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  title        VARCHAR(200) CHARACTER SET utf8mb4 NOT NULL,
  price_minor  BIGINT NOT NULL,
  currency     CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  stock        INT UNSIGNED NOT NULL,
  per_customer TINYINT UNSIGNED NOT NULL,
  opens        DATETIME(6) NULL,  -- UTC, inclusive; NULL: no bound
  closes       DATETIME(6) NULL,  -- UTC, exclusive; NULL: no bound
  mode         ENUM('direct', 'queue', 'sweep') NOT NULL,
  state        ENUM('draft', 'open', 'paused', 'rebuild', 'closed') NOT NULL,
  epoch        INT UNSIGNED NOT NULL DEFAULT 0,
  claim_key    BINARY(32) NOT NULL,  -- secret: order numbers are made with it
  created      DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  UNIQUE KEY sales_slug (slug),
  CONSTRAINT sales_slug_form CHECK (slug REGEXP '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'),
  CONSTRAINT sales_title_bytes CHECK (OCTET_LENGTH(title) BETWEEN 1 AND 200),
  CONSTRAINT sales_price_range CHECK (price_minor >= 0),
  CONSTRAINT sales_currency_iso CHECK (currency REGEXP '^[A-Z]{3}$'),
  CONSTRAINT sales_stock_range CHECK (stock BETWEEN 1 AND 10000000),
  CONSTRAINT sales_limit_range CHECK (per_customer BETWEEN 1 AND 16),
  CONSTRAINT sales_window CHECK (opens IS NULL OR closes IS NULL OR opens < closes)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- The outcome of every claim, first writer wins.  The three unique keys are
-- what makes overselling impossible.  A row that is no live order has neither
-- unit nor slot, and NULLs do not collide: it decides its claim and occupies
-- nothing.  The customer is VARBINARY because the gate compares bytes: under a
-- collation 'alice', 'ALICE' and 'alice ' would share one limit.  No foreign
-- key: each insert's own guard locks the sale's row, and looks at more than that
-- it is there.
CREATE TABLE IF NOT EXISTS orders (
  claim        BINARY(16) NOT NULL PRIMARY KEY,
  sale_id      INT UNSIGNED NOT NULL,
  epoch        INT UNSIGNED NOT NULL,
  status       ENUM('sold', 'void', 'cancelled') NOT NULL,
  unit_no      INT UNSIGNED NULL,
  customer     VARBINARY(64) NULL,
  slot         TINYINT UNSIGNED NULL,
  payload_hash BINARY(8) NULL,
  ref          VARBINARY(64) NULL,  -- the shop's own reference
  created      DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  UNIQUE KEY orders_unit (sale_id, unit_no),
  UNIQUE KEY orders_slot (sale_id, customer, slot),
  CONSTRAINT orders_shape CHECK (
    (status = 'sold' AND unit_no IS NOT NULL AND unit_no >= 1
      AND customer IS NOT NULL AND customer <> ''
      AND slot IS NOT NULL AND slot BETWEEN 1 AND 16)
    OR (status <> 'sold' AND unit_no IS NULL AND slot IS NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Who changed what, when.  Append only: no user is granted more than INSERT.
CREATE TABLE IF NOT EXISTS audit (
  id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at       DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  sale_id  INT UNSIGNED NOT NULL,  -- 0: not about a sale
  actor    VARCHAR(64) CHARACTER SET utf8mb4 NOT NULL,
  what     VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail   TEXT CHARACTER SET utf8mb4 NOT NULL,  -- JSON or ''
  KEY audit_sale (sale_id, id),
  CONSTRAINT audit_what_some CHECK (what <> ''),
  CONSTRAINT audit_detail_json CHECK (detail = '' OR JSON_VALID(detail))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS schema_version (
  version    INT UNSIGNED NOT NULL PRIMARY KEY,
  applied_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Last: whoever sees the version sees all of it.
INSERT IGNORE INTO schema_version (version) VALUES (1);
