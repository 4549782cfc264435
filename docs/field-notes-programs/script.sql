PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, name TEXT, value REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
  INSERT INTO t(name, value) SELECT 'row ' || i, i * 0.5 FROM n;
COMMIT;
CREATE INDEX IF NOT EXISTS by_name ON t(name);
SELECT count(*) >= 2000, (SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok') FROM t;
DELETE FROM t;
PRAGMA wal_checkpoint(TRUNCATE);
