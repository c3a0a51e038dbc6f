BEGIN TRANSACTION;
CREATE TABLE accuracy (
        model TEXT NOT NULL,
        quality TEXT NOT NULL,
        without_usage INTEGER NOT NULL,
        bills INTEGER NOT NULL,
        expected INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        off INTEGER NOT NULL,
        beyond INTEGER NOT NULL,
        PRIMARY KEY (model, quality)
    ) WITHOUT ROWID
    ;
INSERT INTO "accuracy" VALUES('model-a','low',0,1,100,90,10,0);
CREATE TABLE days (
        topic TEXT NOT NULL,
        name TEXT NOT NULL,
        day INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        count INTEGER NOT NULL, unpriced INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (topic, name, day)
    ) WITHOUT ROWID
    ;
INSERT INTO "days" VALUES('document','',20717,0,0,0,0,0);
INSERT INTO "days" VALUES('document','',20718,0,150,0,2,1);
INSERT INTO "days" VALUES('document','/art/harbour.xcf',20717,90,0,0,1,0);
INSERT INTO "days" VALUES('document','/art/harbour.xcf',20718,0,150,0,1,0);
INSERT INTO "days" VALUES('document','/art/stone.blend',20718,0,0,80,1,0);
INSERT INTO "days" VALUES('host','blender',20718,0,0,80,1,0);
INSERT INTO "days" VALUES('host','cli',20717,0,0,0,0,0);
INSERT INTO "days" VALUES('host','cli',20718,0,150,0,2,1);
INSERT INTO "days" VALUES('host','gimp',20717,90,0,0,1,0);
INSERT INTO "days" VALUES('host','gimp',20718,0,150,0,1,0);
INSERT INTO "days" VALUES('model','model-a',20717,90,0,0,1,0);
INSERT INTO "days" VALUES('model','model-b',20718,0,300,80,3,0);
INSERT INTO "days" VALUES('model','model-c',20718,0,0,0,1,1);
INSERT INTO "days" VALUES('project','',20717,0,0,0,0,0);
INSERT INTO "days" VALUES('project','',20718,0,150,0,2,1);
INSERT INTO "days" VALUES('project','temple',20717,90,0,0,1,0);
INSERT INTO "days" VALUES('project','temple',20718,0,150,80,2,0);
INSERT INTO "days" VALUES('quality','model-a low',20717,90,0,0,1,0);
INSERT INTO "days" VALUES('quality','model-b high',20718,0,150,80,2,0);
INSERT INTO "days" VALUES('quality','model-b low',20718,0,150,0,1,0);
INSERT INTO "days" VALUES('quality','model-c low',20718,0,0,0,1,1);
CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests (number),
        at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'sent', 'settled', 'released', 'unknown')),
        reason TEXT NOT NULL,
        billed INTEGER NOT NULL CHECK (typeof(billed) = 'integer' AND billed >= 0),
        would_bill INTEGER NOT NULL CHECK (typeof(would_bill) = 'integer' AND would_bill >= 0),
        from_usage INTEGER NOT NULL CHECK (from_usage IN (0, 1)),
        lines TEXT NOT NULL
    );
INSERT INTO "events" VALUES(1,1,1,'reserved','',0,0,0,'');
INSERT INTO "events" VALUES(2,1,2,'sent','',0,0,0,'');
INSERT INTO "events" VALUES(3,1,3,'settled','',90,0,1,'[["image_output",3,30000000,90]]');
INSERT INTO "events" VALUES(4,2,1,'reserved','',0,0,0,'');
INSERT INTO "events" VALUES(5,2,2,'released','stopped',0,0,0,'');
INSERT INTO "events" VALUES(6,3,1,'reserved','',0,0,0,'');
INSERT INTO "events" VALUES(7,3,2,'sent','',0,0,0,'');
INSERT INTO "events" VALUES(8,4,1,'reserved','',0,0,0,'');
INSERT INTO "events" VALUES(9,4,2,'sent','',0,0,0,'');
INSERT INTO "events" VALUES(10,4,3,'settled','',0,80,1,'');
INSERT INTO "events" VALUES(11,5,1,'reserved','',0,0,0,'');
INSERT INTO "events" VALUES(12,5,2,'sent','',0,0,0,'');
INSERT INTO "events" VALUES(13,5,3,'unknown','timed-out',0,0,0,'');
INSERT INTO "events" VALUES(14,6,1,'reserved','',0,0,0,'');
INSERT INTO "events" VALUES(15,6,2,'sent','',0,0,0,'');
INSERT INTO "events" VALUES(16,6,3,'settled','',0,0,0,'');
CREATE TABLE handles (
        number INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests (number),
        at INTEGER NOT NULL,
        handle TEXT NOT NULL
    );
INSERT INTO "handles" VALUES(1,3,6,'resp_1');
CREATE TABLE limits (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        scope TEXT NOT NULL CHECK (scope IN ('action', 'day', 'month', 'project')),
        project TEXT NOT NULL CHECK (project = '' OR scope = 'project'),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount >= 0))
    );
INSERT INTO "limits" VALUES(1,5,'day','',5000000);
CREATE TABLE migrations (
        number INTEGER PRIMARY KEY,
        at INTEGER NOT NULL
    );
INSERT INTO "migrations" VALUES(1,1790000000000000);
INSERT INTO "migrations" VALUES(2,1790000000000001);
INSERT INTO "migrations" VALUES(3,1790000000000002);
INSERT INTO "migrations" VALUES(4,1790000000000003);
CREATE TABLE owners (
        number INTEGER PRIMARY KEY,
        machine TEXT NOT NULL,
        boot TEXT NOT NULL,
        namespace TEXT NOT NULL,
        pid INTEGER NOT NULL,
        started TEXT NOT NULL
    );
INSERT INTO "owners" VALUES(1,'machine-a','boot-a','namespace-a',1,'1');
CREATE TABLE quarters (
        quarter INTEGER PRIMARY KEY,
        billed INTEGER NOT NULL,
        held INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        count INTEGER NOT NULL
    , unpriced INTEGER NOT NULL DEFAULT 0);
INSERT INTO "quarters" VALUES(1988888,90,0,0,1,0);
INSERT INTO "quarters" VALUES(1988984,0,150,80,2,0);
INSERT INTO "quarters" VALUES(1988985,0,150,0,2,1);
CREATE TABLE requests (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        at INTEGER NOT NULL,
        host TEXT NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        quality TEXT NOT NULL,
        size TEXT NOT NULL,
        n INTEGER NOT NULL CHECK (typeof(n) = 'integer'),
        expected INTEGER NOT NULL CHECK (typeof(expected) = 'integer' AND expected >= 0),
        reserve INTEGER NOT NULL CHECK (typeof(reserve) = 'integer' AND reserve >= 0),
        sandbox INTEGER NOT NULL CHECK (sandbox IN (0, 1)),
        document TEXT NOT NULL,
        project TEXT NOT NULL,
        owner INTEGER NOT NULL REFERENCES owners (number)
    , priced INTEGER NOT NULL DEFAULT 1 CHECK (priced IN (0, 1)));
INSERT INTO "requests" VALUES(1,'aa',1790000000000000,'gimp','edit','model-a','low','16x16',1,100,150,0,'/art/harbour.xcf','temple',1,1);
INSERT INTO "requests" VALUES(2,'ab',1790000000000001,'cli','edit','model-a','low','16x16',1,100,150,0,'','',1,1);
INSERT INTO "requests" VALUES(3,'ac',1790086400000000,'cli','edit','model-b','high','16x16',1,100,150,0,'','temple',1,1);
INSERT INTO "requests" VALUES(4,'ad',1790086400000000,'blender','edit','model-b','high','16x16',1,100,150,1,'/art/stone.blend','temple',1,1);
INSERT INTO "requests" VALUES(5,'ae',1790086500000000,'gimp','edit','model-b','low','16x16',1,100,150,0,'/art/harbour.xcf','',1,1);
INSERT INTO "requests" VALUES(6,'af',1790086600000000,'cli','edit','model-c','low','16x16',1,0,0,0,'','',1,0);
CREATE TABLE standing (
        request INTEGER PRIMARY KEY REFERENCES requests (number),
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        billed INTEGER NOT NULL,
        would_bill INTEGER NOT NULL,
        from_usage INTEGER NOT NULL
    );
INSERT INTO "standing" VALUES(1,'settled',0,90,0,1);
INSERT INTO "standing" VALUES(2,'released',0,0,0,0);
INSERT INTO "standing" VALUES(3,'sent',1,0,0,0);
INSERT INTO "standing" VALUES(4,'settled',0,0,80,1);
INSERT INTO "standing" VALUES(5,'unknown',1,0,0,0);
INSERT INTO "standing" VALUES(6,'settled',0,0,0,0);
CREATE INDEX owners_by_pid ON owners (pid);
CREATE INDEX requests_by_time ON requests (at);
CREATE INDEX requests_by_model ON requests (model, at);
CREATE INDEX events_by_request ON events (request);
CREATE INDEX standing_open ON standing (request) WHERE open = 1;
CREATE TRIGGER events_decide_standing AFTER INSERT ON events BEGIN
        INSERT INTO standing (request, state, open, billed, would_bill, from_usage)
        VALUES (
            NEW.request, NEW.state, NEW.state NOT IN ('settled', 'released'),
            NEW.billed, NEW.would_bill, NEW.from_usage
        )
        ON CONFLICT (request) DO UPDATE SET
            state = excluded.state, open = excluded.open, billed = excluded.billed,
            would_bill = excluded.would_bill, from_usage = excluded.from_usage;
    END;
CREATE TRIGGER requests_stay BEFORE UPDATE ON requests BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER requests_are_kept BEFORE DELETE ON requests BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER limits_stay BEFORE UPDATE ON limits BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER limits_are_kept BEFORE DELETE ON limits BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE INDEX handles_by_request ON handles (request);
CREATE TRIGGER handles_stay BEFORE UPDATE ON handles BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER handles_are_kept BEFORE DELETE ON handles BEGIN
        SELECT RAISE(ABORT, 'the ledger is only added to');
    END;
CREATE TRIGGER standing_enters_sums AFTER INSERT ON standing BEGIN INSERT INTO quarters (quarter, billed, held, would_bill, count, unpriced) SELECT at / 900000000, NEW.billed, reserve * NEW.open * (1 - sandbox), NEW.would_bill, NEW.state <> 'released', (NEW.state <> 'released') * (1 - priced) * (1 - sandbox) FROM requests WHERE number = NEW.request ON CONFLICT (quarter) DO UPDATE SET
        billed = billed + excluded.billed, held = held + excluded.held,
        would_bill = would_bill + excluded.would_bill, count = count + excluded.count
, unpriced = unpriced + excluded.unpriced; INSERT INTO days (topic, name, day, billed, held, would_bill, count, unpriced) SELECT topic, CASE topic WHEN 'host' THEN host WHEN 'model' THEN model WHEN 'project' THEN project WHEN 'document' THEN document ELSE model || ' ' || quality END, at / 86400000000, NEW.billed, reserve * NEW.open * (1 - sandbox), NEW.would_bill, NEW.state <> 'released', (NEW.state <> 'released') * (1 - priced) * (1 - sandbox) FROM (SELECT 'host' AS topic UNION ALL SELECT 'model' UNION ALL SELECT 'project' UNION ALL SELECT 'document' UNION ALL SELECT 'quality'), requests WHERE number = NEW.request ON CONFLICT (topic, name, day) DO UPDATE SET
        billed = billed + excluded.billed, held = held + excluded.held,
        would_bill = would_bill + excluded.would_bill, count = count + excluded.count
, unpriced = unpriced + excluded.unpriced; END;
CREATE TRIGGER standing_changes_sums AFTER UPDATE ON standing WHEN NEW.open <> OLD.open BEGIN INSERT INTO quarters (quarter, billed, held, would_bill, count, unpriced) SELECT at / 900000000,
    NEW.billed - OLD.billed, reserve * (NEW.open - OLD.open) * (1 - sandbox), NEW.would_bill - OLD.would_bill,
    (NEW.state <> 'released') - (OLD.state <> 'released')
, ((NEW.state <> 'released') - (OLD.state <> 'released')) * (1 - priced) * (1 - sandbox) FROM requests WHERE number = NEW.request ON CONFLICT (quarter) DO UPDATE SET
        billed = billed + excluded.billed, held = held + excluded.held,
        would_bill = would_bill + excluded.would_bill, count = count + excluded.count
, unpriced = unpriced + excluded.unpriced; INSERT INTO days (topic, name, day, billed, held, would_bill, count, unpriced) SELECT topic, CASE topic WHEN 'host' THEN host WHEN 'model' THEN model WHEN 'project' THEN project WHEN 'document' THEN document ELSE model || ' ' || quality END, at / 86400000000,
    NEW.billed - OLD.billed, reserve * (NEW.open - OLD.open) * (1 - sandbox), NEW.would_bill - OLD.would_bill,
    (NEW.state <> 'released') - (OLD.state <> 'released')
, ((NEW.state <> 'released') - (OLD.state <> 'released')) * (1 - priced) * (1 - sandbox) FROM (SELECT 'host' AS topic UNION ALL SELECT 'model' UNION ALL SELECT 'project' UNION ALL SELECT 'document' UNION ALL SELECT 'quality'), requests WHERE number = NEW.request ON CONFLICT (topic, name, day) DO UPDATE SET
        billed = billed + excluded.billed, held = held + excluded.held,
        would_bill = would_bill + excluded.would_bill, count = count + excluded.count
, unpriced = unpriced + excluded.unpriced; INSERT INTO accuracy (model, quality, without_usage, bills, expected, billed, off, beyond) SELECT model, quality, 1 - NEW.from_usage, NEW.from_usage, expected * NEW.from_usage, NEW.billed * NEW.from_usage, abs(NEW.billed - expected) * NEW.from_usage, NEW.from_usage AND NEW.billed > reserve FROM requests WHERE number = NEW.request AND NEW.state = 'settled' AND sandbox = 0 AND priced = 1 ON CONFLICT (model, quality) DO UPDATE SET without_usage = without_usage + excluded.without_usage, bills = bills + excluded.bills, expected = expected + excluded.expected, billed = billed + excluded.billed, off = off + excluded.off, beyond = beyond + excluded.beyond; END;
CREATE INDEX events_of_failures ON events (request, reason) WHERE state IN ('released', 'unknown');
COMMIT;
