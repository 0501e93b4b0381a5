
-- Dumped from database version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--

CREATE SCHEMA inn8;

ALTER SCHEMA inn8 OWNER TO inn8_owner;

--

CREATE SCHEMA inn8_raw;

ALTER SCHEMA inn8_raw OWNER TO inn8_owner;

--

CREATE FUNCTION inn8_raw.property(record json, name text) RETURNS json
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
  select value
    from json_each(case when json_typeof(record) = 'object'
                         and (position('\u' in record::text) = 0 or pg_input_is_valid(record::text, 'jsonb'))
                        then record else '{}' end) with ordinality as each (key, value, place)
   where lower(key) = lower(name) order by place desc limit 1
$$;

ALTER FUNCTION inn8_raw.property(record json, name text) OWNER TO inn8_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--

CREATE TABLE inn8.circuits (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    circuit text NOT NULL,
    failures integer NOT NULL,
    opened_until timestamp with time zone,
    trial_until timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.circuits OWNER TO inn8_owner;

--

CREATE TABLE inn8.clients (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    external_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    email text,
    phone text NOT NULL,
    address text NOT NULL,
    status text NOT NULL,
    as_of_at timestamp with time zone NOT NULL,
    missing_since timestamp with time zone,
    removed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.clients OWNER TO inn8_owner;

--

CREATE TABLE inn8.rejected_records (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    entity text NOT NULL COLLATE pg_catalog."C",
    record_key text NOT NULL COLLATE pg_catalog."C",
    external_id text COLLATE pg_catalog."C",
    trade_date date,
    reason_code text NOT NULL,
    reason text NOT NULL,
    payload json NOT NULL,
    landing_id bigint NOT NULL,
    as_of_at timestamp with time zone NOT NULL,
    covers_from date,
    covers_to date,
    row_as_of_at timestamp with time zone,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 1 NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    accepted_at timestamp with time zone,
    accepted_note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.rejected_records OWNER TO inn8_owner;

--

CREATE TABLE inn8.sync_coverage (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    entity text NOT NULL COLLATE pg_catalog."C",
    trade_date date,
    landing_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.sync_coverage OWNER TO inn8_owner;

--

CREATE TABLE inn8_raw.landings (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    entity text NOT NULL COLLATE pg_catalog."C",
    from_date date,
    to_date date,
    run_id text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    completed_at timestamp with time zone,
    page_digests bytea[],
    record_count bigint,
    byte_count bigint,
    retry_count integer,
    has_duplicates boolean,
    transform_version integer,
    status text,
    counts json,
    is_proof boolean,
    is_held_back boolean,
    is_repeatable boolean,
    as_of_at timestamp with time zone,
    merged_at timestamp with time zone,
    repeats_id bigint
);

ALTER TABLE inn8_raw.landings OWNER TO inn8_owner;

--

CREATE VIEW inn8.sync_state AS
 SELECT c.tenant_id,
    c.entity,
    c.trade_date,
    c.landing_id,
    l.status,
    l.record_count,
    l.merged_at,
    l.as_of_at AS last_synced_at,
        CASE
            WHEN l.is_proof THEN l.as_of_at
            ELSE NULL::timestamp with time zone
        END AS proven_at
   FROM (inn8.sync_coverage c
     JOIN inn8_raw.landings l ON (((l.tenant_id = c.tenant_id) AND (l.id = c.landing_id))));

ALTER VIEW inn8.sync_state OWNER TO inn8_views;

--

CREATE VIEW inn8.client_details AS
 SELECT c.tenant_id,
    c.id,
    c.external_id,
    c.name,
    c.email,
    c.phone,
    c.address,
    c.status,
    c.missing_since,
    c.removed_at,
    c.created_at,
    c.updated_at,
        CASE
            WHEN (r.id IS NOT NULL) THEN GREATEST(r.row_as_of_at, c.as_of_at)
            WHEN (c.missing_since IS NOT NULL) THEN c.as_of_at
            ELSE GREATEST(c.as_of_at, s.last_synced_at)
        END AS last_synced_at
   FROM ((inn8.clients c
     LEFT JOIN inn8.sync_state s ON (((s.tenant_id = c.tenant_id) AND (s.entity = 'clients'::text) AND (s.trade_date IS NULL))))
     LEFT JOIN inn8.rejected_records r ON (((r.tenant_id = c.tenant_id) AND (r.entity = 'clients'::text) AND (r.record_key = c.external_id) AND (r.resolved_at IS NULL))));

ALTER VIEW inn8.client_details OWNER TO inn8_views;

--

ALTER TABLE inn8.clients ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8.clients_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

CREATE VIEW inn8.open_rejects AS
 SELECT tenant_id,
    id,
    entity,
    external_id,
    trade_date,
    reason_code,
    reason,
    landing_id,
    attempts,
    first_seen_at,
    last_seen_at,
    accepted_at,
    accepted_note
   FROM inn8.rejected_records
  WHERE (resolved_at IS NULL);

ALTER VIEW inn8.open_rejects OWNER TO inn8_views;

--

CREATE TABLE inn8.portfolios (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    external_id text NOT NULL COLLATE pg_catalog."C",
    client_id bigint NOT NULL,
    name text NOT NULL,
    account_number text,
    account_type text NOT NULL,
    status text NOT NULL,
    as_of_at timestamp with time zone NOT NULL,
    missing_since timestamp with time zone,
    removed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.portfolios OWNER TO inn8_owner;

--

CREATE VIEW inn8.portfolio_details AS
 SELECT p.tenant_id,
    p.id,
    p.external_id,
    p.client_id,
    c.external_id AS client_external_id,
    c.name AS client_name,
    p.name,
    p.account_number,
    p.account_type,
    p.status,
    p.missing_since,
    p.removed_at,
    p.created_at,
    p.updated_at,
        CASE
            WHEN (r.id IS NOT NULL) THEN GREATEST(r.row_as_of_at, p.as_of_at)
            WHEN (p.missing_since IS NOT NULL) THEN p.as_of_at
            ELSE GREATEST(p.as_of_at, s.last_synced_at)
        END AS last_synced_at
   FROM (((inn8.portfolios p
     JOIN inn8.clients c ON (((c.tenant_id = p.tenant_id) AND (c.id = p.client_id))))
     LEFT JOIN inn8.sync_state s ON (((s.tenant_id = p.tenant_id) AND (s.entity = 'portfolios'::text) AND (s.trade_date IS NULL))))
     LEFT JOIN inn8.rejected_records r ON (((r.tenant_id = p.tenant_id) AND (r.entity = 'portfolios'::text) AND (r.record_key = p.external_id) AND (r.resolved_at IS NULL))))
  WHERE (r.reason_code IS DISTINCT FROM 'unknown_parent'::text);

ALTER VIEW inn8.portfolio_details OWNER TO inn8_views;

--

ALTER TABLE inn8.portfolios ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8.portfolios_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

ALTER TABLE inn8.rejected_records ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8.rejected_records_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

CREATE TABLE inn8.schema_version (
    version_num character varying(32) NOT NULL
);

ALTER TABLE inn8.schema_version OWNER TO inn8_owner;

--

CREATE TABLE inn8.securities (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    external_id text NOT NULL COLLATE pg_catalog."C",
    symbol text,
    name text,
    isin text,
    security_type text,
    currency text,
    as_of_date date NOT NULL,
    as_of_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.securities OWNER TO inn8_owner;

--

ALTER TABLE inn8.securities ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8.securities_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

ALTER TABLE inn8.sync_coverage ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8.sync_coverage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

CREATE TABLE inn8.tenant_readers (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    role_name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.tenant_readers OWNER TO inn8_owner;

--

CREATE TABLE inn8.transactions (
    id bigint NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    external_id text NOT NULL COLLATE pg_catalog."C",
    portfolio_id bigint NOT NULL,
    security_id bigint,
    transaction_type text NOT NULL,
    trade_date date NOT NULL,
    settlement_date date,
    quantity numeric(38,10),
    price numeric(38,10),
    amount numeric(38,10),
    fees numeric(38,10),
    currency text,
    description text,
    as_of_at timestamp with time zone NOT NULL,
    missing_since timestamp with time zone,
    removed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE inn8.transactions OWNER TO inn8_owner;

--

CREATE VIEW inn8.transaction_details AS
 SELECT t.tenant_id,
    t.id,
    t.external_id,
    t.portfolio_id,
    p.external_id AS portfolio_external_id,
    p.client_id,
    t.security_id,
    x.external_id AS security_external_id,
    x.symbol AS security_symbol,
    x.name AS security_name,
    x.isin AS security_isin,
    t.transaction_type,
    t.trade_date,
    t.settlement_date,
    t.quantity,
    t.price,
    t.amount,
    t.fees,
    t.currency,
    t.description,
    t.missing_since,
    t.removed_at,
    t.created_at,
    t.updated_at,
        CASE
            WHEN (r.id IS NOT NULL) THEN GREATEST(r.row_as_of_at, t.as_of_at)
            WHEN (t.missing_since IS NOT NULL) THEN t.as_of_at
            ELSE GREATEST(t.as_of_at, s.last_synced_at)
        END AS last_synced_at
   FROM ((((inn8.transactions t
     JOIN inn8.portfolios p ON (((p.tenant_id = t.tenant_id) AND (p.id = t.portfolio_id))))
     LEFT JOIN inn8.securities x ON (((x.tenant_id = t.tenant_id) AND (x.id = t.security_id))))
     LEFT JOIN inn8.sync_state s ON (((s.tenant_id = t.tenant_id) AND (s.entity = 'transactions'::text) AND (s.trade_date = t.trade_date))))
     LEFT JOIN inn8.rejected_records r ON (((r.tenant_id = t.tenant_id) AND (r.entity = 'transactions'::text) AND (r.record_key = t.external_id) AND (r.resolved_at IS NULL))))
  WHERE ((r.reason_code IS DISTINCT FROM 'unknown_parent'::text) AND (NOT (EXISTS ( SELECT
           FROM inn8.rejected_records h
          WHERE ((h.tenant_id = p.tenant_id) AND (h.entity = 'portfolios'::text) AND (h.record_key = p.external_id) AND (h.resolved_at IS NULL) AND (h.reason_code = 'unknown_parent'::text))))));

ALTER VIEW inn8.transaction_details OWNER TO inn8_views;

--

ALTER TABLE inn8.transactions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8.transactions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

CREATE TABLE inn8.unknown_properties (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    entity text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    accepted_at timestamp with time zone,
    accepted_note text
);

ALTER TABLE inn8.unknown_properties OWNER TO inn8_owner;

--

CREATE TABLE inn8_raw.pages (
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    sha256 bytea NOT NULL,
    body json NOT NULL,
    record_count integer NOT NULL,
    byte_count bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY inn8_raw.pages ALTER COLUMN body SET STORAGE EXTERNAL;

ALTER TABLE inn8_raw.pages OWNER TO inn8_owner;

--

CREATE VIEW inn8_raw.clients AS
 SELECT l.tenant_id,
    l.id AS landing_id,
    l.as_of_at,
    d.page,
    e.place,
    e.record
   FROM ((((inn8.sync_coverage c
     JOIN inn8_raw.landings l ON (((l.tenant_id = c.tenant_id) AND (l.id = c.landing_id))))
     CROSS JOIN LATERAL unnest(l.page_digests) WITH ORDINALITY d(sha256, page))
     JOIN inn8_raw.pages p ON (((p.tenant_id = l.tenant_id) AND (p.sha256 = d.sha256))))
     CROSS JOIN LATERAL json_array_elements(p.body) WITH ORDINALITY e(record, place))
  WHERE (c.entity = 'clients'::text);

ALTER VIEW inn8_raw.clients OWNER TO inn8_views;

--

ALTER TABLE inn8_raw.landings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME inn8_raw.landings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--

CREATE VIEW inn8_raw.portfolios AS
 SELECT l.tenant_id,
    l.id AS landing_id,
    l.as_of_at,
    d.page,
    e.place,
    e.record
   FROM ((((inn8.sync_coverage c
     JOIN inn8_raw.landings l ON (((l.tenant_id = c.tenant_id) AND (l.id = c.landing_id))))
     CROSS JOIN LATERAL unnest(l.page_digests) WITH ORDINALITY d(sha256, page))
     JOIN inn8_raw.pages p ON (((p.tenant_id = l.tenant_id) AND (p.sha256 = d.sha256))))
     CROSS JOIN LATERAL json_array_elements(p.body) WITH ORDINALITY e(record, place))
  WHERE (c.entity = 'portfolios'::text);

ALTER VIEW inn8_raw.portfolios OWNER TO inn8_views;

--

CREATE VIEW inn8_raw.transactions AS
 SELECT o.tenant_id,
    o.landing_id,
    o.as_of_at,
    o.page,
    o.place,
    v.trade_date,
    o.record
   FROM (( SELECT l.tenant_id,
            l.id AS landing_id,
            l.as_of_at,
            d.page,
            e.place,
            e.record,
            "left"((inn8_raw.property(e.record, 'tradeDate'::text) #>> '{}'::text[]), 10) AS day
           FROM ((((( SELECT DISTINCT sync_coverage.tenant_id,
                    sync_coverage.landing_id
                   FROM inn8.sync_coverage
                  WHERE (sync_coverage.entity = 'transactions'::text)) c
             JOIN inn8_raw.landings l ON (((l.tenant_id = c.tenant_id) AND (l.id = c.landing_id))))
             CROSS JOIN LATERAL unnest(l.page_digests) WITH ORDINALITY d(sha256, page))
             JOIN inn8_raw.pages p ON (((p.tenant_id = l.tenant_id) AND (p.sha256 = d.sha256))))
             CROSS JOIN LATERAL json_array_elements(p.body) WITH ORDINALITY e(record, place))) o
     JOIN inn8.sync_coverage v ON (((v.tenant_id = o.tenant_id) AND (v.landing_id = o.landing_id) AND (v.entity = 'transactions'::text) AND (to_char((v.trade_date)::timestamp with time zone, 'YYYY-MM-DD'::text) = o.day))));

ALTER VIEW inn8_raw.transactions OWNER TO inn8_views;

--

INSERT INTO inn8.circuits VALUES ('t1', 'clients', 1, NULL, NULL, '2026-11-25 20:01:40.989509+00');

--

INSERT INTO inn8.clients OVERRIDING SYSTEM VALUE VALUES (2, 't1', 'C-2', 'Sipho Dlamini', 'thandi@example.com', '(082) 555-0134', '1 Long Street, Cape Town, WC 8001', 'active', '2026-11-25 20:01:39.414426+00', NULL, NULL, '2026-11-25 20:01:39.462793+00', '2026-11-25 20:01:39.462793+00');
INSERT INTO inn8.clients OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'C-1', 'Thandi Nkosi', 'thandi@example.com', '(011) 555-0199', '1 Long Street, Cape Town, WC 8001', 'active', '2026-11-25 20:01:39.639077+00', NULL, NULL, '2026-11-25 20:01:39.462793+00', '2026-11-25 20:01:39.653573+00');
INSERT INTO inn8.clients OVERRIDING SYSTEM VALUE VALUES (4, 't1', 'C-4', 'Healed', 'thandi@example.com', '(082) 555-0134', '1 Long Street, Cape Town, WC 8001', 'active', '2026-11-25 20:01:39.805486+00', NULL, NULL, '2026-11-25 20:01:39.825715+00', '2026-11-25 20:01:39.825715+00');
INSERT INTO inn8.clients OVERRIDING SYSTEM VALUE VALUES (3, 't1', 'C-3', 'Thandi Nkosi', 'thandi@example.com', '(082) 555-0134', '1 Long Street, Cape Town, WC 8001', 'active', '2026-11-25 20:01:39.414426+00', '2026-11-25 20:01:39.639077+00', '2026-11-25 20:01:39.825715+00', '2026-11-25 20:01:39.462793+00', '2026-11-25 20:01:39.825715+00');

--

INSERT INTO inn8.portfolios OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'P-1', 1, 'Retirement', '000123', 'living_annuity', 'active', '2026-11-25 20:01:40.02672+00', NULL, NULL, '2026-11-25 20:01:40.054818+00', '2026-11-25 20:01:40.054818+00');
INSERT INTO inn8.portfolios OVERRIDING SYSTEM VALUE VALUES (2, 't1', 'P-2', 2, 'Retirement', '000123', 'living_annuity', 'active', '2026-11-25 20:01:40.02672+00', NULL, NULL, '2026-11-25 20:01:40.054818+00', '2026-11-25 20:01:40.054818+00');
INSERT INTO inn8.portfolios OVERRIDING SYSTEM VALUE VALUES (3, 't1', 'P-4', 1, 'Retirement', '000123', 'living_annuity', 'active', '2026-11-25 20:01:40.02672+00', NULL, NULL, '2026-11-25 20:01:40.054818+00', '2026-11-25 20:01:40.054818+00');

--

INSERT INTO inn8.rejected_records OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'clients', 'C-4', 'C-4', NULL, 'wrong_type', 'fullName is not a string', '{"id": "C-4", "fullName": 7, "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}', 2, '2026-11-25 20:01:39.639077+00', NULL, NULL, NULL, '2026-11-25 20:01:39.414426+00', '2026-11-25 20:01:39.639077+00', 2, '2026-11-25 20:01:39.825715+00', 'healed', NULL, NULL, '2026-11-25 20:01:39.462793+00', '2026-11-25 20:01:39.825715+00');
INSERT INTO inn8.rejected_records OVERRIDING SYSTEM VALUE VALUES (6, 't1', 'portfolios', 'P-2', 'P-2', NULL, 'unknown_parent', 'clientId names no known client', '{"id": "P-2", "clientId": "C-9", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}', 6, '2026-11-25 20:01:40.171413+00', NULL, NULL, '2026-11-25 20:01:40.02672+00', '2026-11-25 20:01:40.171413+00', '2026-11-25 20:01:40.171413+00', 1, NULL, NULL, NULL, NULL, '2026-11-25 20:01:40.186267+00', '2026-11-25 20:01:40.186267+00');
INSERT INTO inn8.rejected_records OVERRIDING SYSTEM VALUE VALUES (5, 't1', 'portfolios', 'P-3', 'P-3', NULL, 'unknown_parent', 'clientId names no known client', '{"id": "P-3", "clientId": "C-9", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}', 6, '2026-11-25 20:01:40.171413+00', NULL, NULL, NULL, '2026-11-25 20:01:40.02672+00', '2026-11-25 20:01:40.171413+00', 2, NULL, NULL, NULL, NULL, '2026-11-25 20:01:40.054818+00', '2026-11-25 20:01:40.186267+00');
INSERT INTO inn8.rejected_records OVERRIDING SYSTEM VALUE VALUES (8, 't1', 'transactions', 'T-5', 'T-5', '2026-10-05', 'wrong_type', 'amount is not a number', '{"id": "T-5", "portfolioId": "P-1", "type": "buy", "security": {"id": "S-1", "symbol": "AGBF", "name": "Balanced Fund", "isin": "ZAE000000001", "type": "unit_trust", "currency": "ZAR"}, "tradeDate": "2026-10-05", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": "x", "fees": 0, "currency": "ZAR", "description": "Debit order"}', 7, '2026-11-25 20:01:40.281933+00', '2026-10-05', '2026-10-05', NULL, '2026-11-25 20:01:40.281933+00', '2026-11-25 20:01:40.281933+00', 1, '2026-11-25 20:01:40.559608+00', 'withdrawn', NULL, NULL, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.559608+00');
INSERT INTO inn8.rejected_records OVERRIDING SYSTEM VALUE VALUES (3, 't1', 'clients', 'C-5', 'C-5', NULL, 'wrong_type', 'emailAddress is not a string', '{"id": "C-5", "fullName": "Thandi Nkosi", "emailAddress": 5, "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}', 3, '2026-11-25 20:01:39.805486+00', NULL, NULL, NULL, '2026-11-25 20:01:39.639077+00', '2026-11-25 20:01:39.805486+00', 2, NULL, NULL, '2026-11-25 20:01:40.925705+00', 'will not be corrected', '2026-11-25 20:01:39.653573+00', '2026-11-25 20:01:40.925705+00');

--

INSERT INTO inn8.schema_version VALUES ('0005');

--

INSERT INTO inn8.securities OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'S-1', 'AGBF', 'Balanced Fund', 'ZAE000000001', 'unit_trust', 'ZAR', '2026-10-07', '2026-11-25 20:01:40.281933+00', '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');

--

INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'clients', NULL, 3, '2026-11-25 20:01:39.462793+00', '2026-11-25 20:01:39.825715+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (4, 't1', 'portfolios', NULL, 6, '2026-11-25 20:01:40.054818+00', '2026-11-25 20:01:40.186267+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (6, 't1', 'transactions', '2026-10-01', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (7, 't1', 'transactions', '2026-10-02', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (8, 't1', 'transactions', '2026-10-03', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (9, 't1', 'transactions', '2026-10-04', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (12, 't1', 'transactions', '2026-10-07', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (13, 't1', 'transactions', '2026-10-08', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (14, 't1', 'transactions', '2026-10-09', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (15, 't1', 'transactions', '2026-10-10', 7, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (10, 't1', 'transactions', '2026-10-05', 8, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.559608+00');
INSERT INTO inn8.sync_coverage OVERRIDING SYSTEM VALUE VALUES (11, 't1', 'transactions', '2026-10-06', 9, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.729934+00');

--

INSERT INTO inn8.tenant_readers VALUES ('t1', 'release_reader', '2026-11-25 20:01:41.036514+00');

--

INSERT INTO inn8.transactions OVERRIDING SYSTEM VALUE VALUES (3, 't1', 'T-3', 1, NULL, 'buy', '2026-10-06', '2026-10-08', 12.5000000000, 101.2500000000, 1265.6250000000, 0.0000000000, 'ZAR', 'Debit order', '2026-11-25 20:01:40.281933+00', NULL, NULL, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.transactions OVERRIDING SYSTEM VALUE VALUES (4, 't1', 'T-4', 3, 1, 'unknown', '2026-10-07', '2026-10-08', 12.5000000000, 101.2500000000, 1265.6250000000, 0.0000000000, 'ZAR', 'Debit order', '2026-11-25 20:01:40.281933+00', NULL, NULL, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.305658+00');
INSERT INTO inn8.transactions OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'T-1', 1, 1, 'buy', '2026-10-05', '2026-10-08', 12.5000000000, 101.2500000000, 1265.6250000000, 0.0000000000, 'ZAR', 'again', '2026-11-25 20:01:40.53216+00', NULL, NULL, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.559608+00');
INSERT INTO inn8.transactions OVERRIDING SYSTEM VALUE VALUES (2, 't1', 'T-2', 2, 1, 'buy', '2026-10-05', '2026-10-08', 12.5000000000, 101.2500000000, -12345678901234567.0123456789, 0.0000000000, 'ZAR', 'Debit order', '2026-11-25 20:01:40.281933+00', '2026-11-25 20:01:40.53216+00', NULL, '2026-11-25 20:01:40.305658+00', '2026-11-25 20:01:40.559608+00');

--

INSERT INTO inn8.unknown_properties VALUES ('t1', 'clients', 'loyaltyTier', '2026-11-25 20:01:40.958296+00', '2026-11-25 20:01:40.958296+00', '2026-11-25 20:01:40.958296+00', 'not wanted');

--

INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (8, 't1', 'transactions', '2026-10-05', '2026-10-05', 'run', '2026-11-25 20:01:40.53216+00', '2026-11-25 20:01:40.547289+00', '{"\\x5ea9fbf491617fb883b7a6165f2abf005bdb0ac0de06ce1b117e9c2de9c3fa10"}', 1, 357, 0, false, 1, 'Success', '{"whole": {"unchanged": 1, "outside": 0}, "days": {"2026-10-05": {"unchanged": 1}}, "reasons": {}, "told": {"fetched": 1, "retried": 0, "inserted": 0, "updated": 1, "unchanged": 0, "duplicate": 0, "rejected": 0, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, true, '2026-11-25 20:01:40.53216+00', '2026-11-25 20:01:40.684954+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (1, 't1', 'clients', NULL, NULL, 'run', '2026-11-25 20:01:39.414426+00', '2026-11-25 20:01:39.447258+00', '{"\\xfdf921f056381aa94250fb306d8bf7cc149b019b26f05c9abf7dbd369d54bce2"}', 4, 919, 0, false, 1, 'PartialSuccess', '{"whole": {"unchanged": 3, "rejected": 1, "outside": 0}, "days": {}, "reasons": {"wrong_type": 1}, "told": {"fetched": 4, "retried": 0, "inserted": 3, "updated": 0, "unchanged": 0, "duplicate": 0, "rejected": 1, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, false, '2026-11-25 20:01:39.414426+00', '2026-11-25 20:01:39.619525+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (2, 't1', 'clients', NULL, NULL, 'run', '2026-11-25 20:01:39.639077+00', '2026-11-25 20:01:39.645218+00', '{"\\x946ef560096c7d0701cd5848288e3dabad37d8005c920ce4271c1d8495348710"}', 4, 898, 0, false, 1, 'PartialSuccess', '{"whole": {"unchanged": 2, "rejected": 2, "outside": 0}, "days": {}, "reasons": {"wrong_type": 2}, "told": {"fetched": 4, "retried": 0, "inserted": 0, "updated": 1, "unchanged": 1, "duplicate": 0, "rejected": 2, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, false, '2026-11-25 20:01:39.639077+00', '2026-11-25 20:01:39.776677+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (9, 't1', 'transactions', '2026-10-06', '2026-10-06', 'run', '2026-11-25 20:01:40.70986+00', '2026-11-25 20:01:40.71691+00', '{"\\x4f56ee51fc956285dd516d77367707bcab9e37acdda64bc0323ac797ab75a511"}', 1, 246, 0, false, 1, 'Success', '{"whole": {"unchanged": 1, "outside": 0}, "days": {"2026-10-06": {"unchanged": 1}}, "reasons": {}, "told": {"fetched": 1, "retried": 0, "inserted": 0, "updated": 0, "unchanged": 1, "duplicate": 0, "rejected": 0, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, true, '2026-11-25 20:01:40.841865+00', '2026-11-25 20:01:40.820635+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (3, 't1', 'clients', NULL, NULL, 'run', '2026-11-25 20:01:39.805486+00', '2026-11-25 20:01:39.8154+00', '{"\\x6578e098ec2d092d7fde72956df2a82e022ded84f299ed86393f150778211ae5"}', 4, 882, 0, false, 1, 'PartialSuccess', '{"whole": {"unchanged": 3, "rejected": 1, "outside": 0}, "days": {}, "reasons": {"wrong_type": 1}, "told": {"fetched": 4, "retried": 0, "inserted": 1, "updated": 0, "unchanged": 2, "duplicate": 0, "rejected": 1, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, true, '2026-11-25 20:01:39.96096+00', '2026-11-25 20:01:39.93109+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (4, 't1', 'clients', NULL, NULL, 'run', '2026-11-25 20:01:39.96096+00', '2026-11-25 20:01:39.970547+00', '{"\\x6578e098ec2d092d7fde72956df2a82e022ded84f299ed86393f150778211ae5"}', 4, 882, 0, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (10, 't1', 'transactions', '2026-10-06', '2026-10-06', 'run', '2026-11-25 20:01:40.841865+00', '2026-11-25 20:01:40.848048+00', '{"\\x4f56ee51fc956285dd516d77367707bcab9e37acdda64bc0323ac797ab75a511"}', 1, 246, 0, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 9);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (11, 't1', 'clients', NULL, NULL, 'run', '2026-11-25 20:01:40.886803+00', '2026-11-25 20:01:40.893587+00', '{"\\x75b6dd68f7bbb75b1fc1de5da5c8c607c6450ff54bb1e1faecfb0617a1ba2fe8"}', 1, 227, 0, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (5, 't1', 'portfolios', NULL, NULL, 'run', '2026-11-25 20:01:40.02672+00', '2026-11-25 20:01:40.045525+00', '{"\\xdb47fe56912ba4e0740b34616c203c2898bbe34eee344e3c52c4ff695089600e"}', 4, 516, 0, false, 1, 'PartialSuccess', '{"whole": {"unchanged": 3, "rejected": 1, "outside": 0}, "days": {}, "reasons": {"unknown_parent": 1}, "told": {"fetched": 4, "retried": 0, "inserted": 3, "updated": 0, "unchanged": 0, "duplicate": 0, "rejected": 1, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, false, '2026-11-25 20:01:40.02672+00', '2026-11-25 20:01:40.151346+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (6, 't1', 'portfolios', NULL, NULL, 'run', '2026-11-25 20:01:40.171413+00', '2026-11-25 20:01:40.178198+00', '{"\\xe44f62b1d2842ef232bca88d6a6b7e840e754b38daeb67ec549711ec2b9e01cd"}', 4, 516, 0, false, 1, 'PartialSuccess', '{"whole": {"unchanged": 2, "rejected": 2, "outside": 0}, "days": {}, "reasons": {"unknown_parent": 2}, "told": {"fetched": 4, "retried": 0, "inserted": 0, "updated": 0, "unchanged": 2, "duplicate": 0, "rejected": 2, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, true, '2026-11-25 20:01:40.171413+00', '2026-11-25 20:01:40.250357+00', NULL);
INSERT INTO inn8_raw.landings OVERRIDING SYSTEM VALUE VALUES (7, 't1', 'transactions', '2026-10-01', '2026-10-10', 'run', '2026-11-25 20:01:40.281933+00', '2026-11-25 20:01:40.288926+00', '{"\\x0a47e07932318204ce785062925e59b3f32ddd6c80f126fca052540887c05350"}', 5, 1717, 0, false, 1, 'PartialSuccess', '{"whole": {"unchanged": 4, "rejected": 1, "outside": 0}, "days": {"2026-10-07": {"unchanged": 1}, "2026-10-05": {"unchanged": 2, "rejected": 1}, "2026-10-06": {"unchanged": 1}}, "reasons": {"wrong_type": 1}, "told": {"fetched": 5, "retried": 0, "inserted": 4, "updated": 0, "unchanged": 0, "duplicate": 0, "rejected": 1, "outside": 0}, "surprises": {"records": {}, "values": {}, "properties": []}}', true, false, false, '2026-11-25 20:01:40.281933+00', '2026-11-25 20:01:40.497233+00', NULL);

--

INSERT INTO inn8_raw.pages VALUES ('t1', '\xfdf921f056381aa94250fb306d8bf7cc149b019b26f05c9abf7dbd369d54bce2', '[{"id": "C-1", "fullName": "Thandi Nkosi", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-2", "fullName": "Sipho Dlamini", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active", "loyaltyTier": "gold"}, {"id": "C-3", "fullName": "Thandi Nkosi", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-4", "fullName": 7, "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}]', 4, 919, '2026-11-25 20:01:39.428709+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\x946ef560096c7d0701cd5848288e3dabad37d8005c920ce4271c1d8495348710', '[{"id": "C-1", "fullName": "Thandi Nkosi", "emailAddress": "thandi@example.com", "phoneNumber": "0115550199", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-2", "fullName": "Sipho Dlamini", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active", "loyaltyTier": "gold"}, {"id": "C-4", "fullName": 7, "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-5", "fullName": "Thandi Nkosi", "emailAddress": 5, "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}]', 4, 898, '2026-11-25 20:01:39.64266+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\x6578e098ec2d092d7fde72956df2a82e022ded84f299ed86393f150778211ae5', '[{"id": "C-1", "fullName": "Thandi Nkosi", "emailAddress": "thandi@example.com", "phoneNumber": "0115550199", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-2", "fullName": "Sipho Dlamini", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-4", "fullName": "Healed", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}, {"id": "C-5", "fullName": "Thandi Nkosi", "emailAddress": 5, "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}]', 4, 882, '2026-11-25 20:01:39.811439+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\xdb47fe56912ba4e0740b34616c203c2898bbe34eee344e3c52c4ff695089600e', '[{"id": "P-1", "clientId": "C-1", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}, {"id": "P-2", "clientId": "C-2", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}, {"id": "P-3", "clientId": "C-9", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}, {"id": "P-4", "clientId": "C-1", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}]', 4, 516, '2026-11-25 20:01:40.036898+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\xe44f62b1d2842ef232bca88d6a6b7e840e754b38daeb67ec549711ec2b9e01cd', '[{"id": "P-1", "clientId": "C-1", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}, {"id": "P-2", "clientId": "C-9", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}, {"id": "P-3", "clientId": "C-9", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}, {"id": "P-4", "clientId": "C-1", "name": "Retirement", "accountNumber": "000123", "type": "living_annuity", "status": "active"}]', 4, 516, '2026-11-25 20:01:40.175498+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\x0a47e07932318204ce785062925e59b3f32ddd6c80f126fca052540887c05350', '[{"id": "T-1", "portfolioId": "P-1", "type": "buy", "security": {"id": "S-1", "symbol": "AGBF", "name": "Balanced Fund", "isin": "ZAE000000001", "type": "unit_trust", "currency": "ZAR"}, "tradeDate": "2026-10-05", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": 1265.625, "fees": 0, "currency": "ZAR", "description": "Debit order"}, {"id": "T-2", "portfolioId": "P-2", "type": "buy", "security": {"id": "S-1", "symbol": "AGBF", "name": "Balanced Fund", "isin": "ZAE000000001", "type": "unit_trust", "currency": "ZAR"}, "tradeDate": "2026-10-05", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": "-12345678901234567.0123456789", "fees": 0, "currency": "ZAR", "description": "Debit order"}, {"id": "T-3", "portfolioId": "P-1", "type": "buy", "security": null, "tradeDate": "2026-10-06", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": 1265.625, "fees": 0, "currency": "ZAR", "description": "Debit order"}, {"id": "T-4", "portfolioId": "P-4", "type": "gift", "security": {"id": "S-1", "symbol": "AGBF", "name": "Balanced Fund", "isin": "ZAE000000001", "type": "unit_trust", "currency": "ZAR"}, "tradeDate": "2026-10-07", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": 1265.625, "fees": 0, "currency": "ZAR", "description": "Debit order"}, {"id": "T-5", "portfolioId": "P-1", "type": "buy", "security": {"id": "S-1", "symbol": "AGBF", "name": "Balanced Fund", "isin": "ZAE000000001", "type": "unit_trust", "currency": "ZAR"}, "tradeDate": "2026-10-05", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": "x", "fees": 0, "currency": "ZAR", "description": "Debit order"}]', 5, 1717, '2026-11-25 20:01:40.28657+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\x5ea9fbf491617fb883b7a6165f2abf005bdb0ac0de06ce1b117e9c2de9c3fa10', '[{"id": "T-1", "portfolioId": "P-1", "type": "buy", "security": {"id": "S-1", "symbol": "AGBF", "name": "Balanced Fund", "isin": "ZAE000000001", "type": "unit_trust", "currency": "ZAR"}, "tradeDate": "2026-10-05", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": 1265.625, "fees": 0, "currency": "ZAR", "description": "again"}]', 1, 357, '2026-11-25 20:01:40.544268+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\x4f56ee51fc956285dd516d77367707bcab9e37acdda64bc0323ac797ab75a511', '[{"id": "T-3", "portfolioId": "P-1", "type": "buy", "security": null, "tradeDate": "2026-10-06", "settlementDate": "2026-10-08", "quantity": 12.5, "price": "101.25", "amount": 1265.625, "fees": 0, "currency": "ZAR", "description": "Debit order"}]', 1, 246, '2026-11-25 20:01:40.714138+00');
INSERT INTO inn8_raw.pages VALUES ('t1', '\x75b6dd68f7bbb75b1fc1de5da5c8c607c6450ff54bb1e1faecfb0617a1ba2fe8', '[{"id": "C-1", "fullName": "Thandi Nkosi", "emailAddress": "thandi@example.com", "phoneNumber": "082 555 0134", "address": {"street": "1 Long Street", "city": "Cape Town", "state": "WC", "zipCode": "8001"}, "status": "active"}]', 1, 227, '2026-11-25 20:01:40.891051+00');

--

SELECT pg_catalog.setval('inn8.clients_id_seq', 4, true);

--

SELECT pg_catalog.setval('inn8.portfolios_id_seq', 3, true);

--

SELECT pg_catalog.setval('inn8.rejected_records_id_seq', 8, true);

--

SELECT pg_catalog.setval('inn8.securities_id_seq', 1, true);

--

SELECT pg_catalog.setval('inn8.sync_coverage_id_seq', 17, true);

--

SELECT pg_catalog.setval('inn8.transactions_id_seq', 4, true);

--

SELECT pg_catalog.setval('inn8_raw.landings_id_seq', 11, true);

--

ALTER TABLE ONLY inn8.circuits
    ADD CONSTRAINT circuits_pkey PRIMARY KEY (tenant_id, circuit);

--

ALTER TABLE ONLY inn8.clients
    ADD CONSTRAINT clients_external_id_key UNIQUE (tenant_id, external_id);

--

ALTER TABLE ONLY inn8.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8.portfolios
    ADD CONSTRAINT portfolios_external_id_key UNIQUE (tenant_id, external_id);

--

ALTER TABLE ONLY inn8.portfolios
    ADD CONSTRAINT portfolios_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8.rejected_records
    ADD CONSTRAINT rejected_records_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8.schema_version
    ADD CONSTRAINT schema_version_pkc PRIMARY KEY (version_num);

--

ALTER TABLE ONLY inn8.securities
    ADD CONSTRAINT securities_external_id_key UNIQUE (tenant_id, external_id);

--

ALTER TABLE ONLY inn8.securities
    ADD CONSTRAINT securities_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8.sync_coverage
    ADD CONSTRAINT sync_coverage_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8.sync_coverage
    ADD CONSTRAINT sync_coverage_trade_date_key UNIQUE NULLS NOT DISTINCT (tenant_id, entity, trade_date);

--

ALTER TABLE ONLY inn8.tenant_readers
    ADD CONSTRAINT tenant_readers_pkey PRIMARY KEY (tenant_id, role_name);

--

ALTER TABLE ONLY inn8.transactions
    ADD CONSTRAINT transactions_external_id_key UNIQUE (tenant_id, external_id);

--

ALTER TABLE ONLY inn8.transactions
    ADD CONSTRAINT transactions_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8.unknown_properties
    ADD CONSTRAINT unknown_properties_pkey PRIMARY KEY (tenant_id, entity, name);

--

ALTER TABLE ONLY inn8_raw.landings
    ADD CONSTRAINT landings_pkey PRIMARY KEY (tenant_id, id);

--

ALTER TABLE ONLY inn8_raw.pages
    ADD CONSTRAINT pages_pkey PRIMARY KEY (tenant_id, sha256);

--

CREATE INDEX clients_missing_idx ON inn8.clients USING btree (tenant_id, missing_since) WHERE ((missing_since IS NOT NULL) AND (removed_at IS NULL));

--

CREATE INDEX portfolios_client_id_idx ON inn8.portfolios USING btree (tenant_id, client_id);

--

CREATE INDEX portfolios_missing_idx ON inn8.portfolios USING btree (tenant_id, missing_since) WHERE ((missing_since IS NOT NULL) AND (removed_at IS NULL));

--

CREATE UNIQUE INDEX rejected_records_open_idx ON inn8.rejected_records USING btree (tenant_id, entity, record_key) WHERE (resolved_at IS NULL);

--

CREATE INDEX sync_coverage_landing_id_idx ON inn8.sync_coverage USING btree (tenant_id, landing_id);

--

CREATE INDEX transactions_missing_idx ON inn8.transactions USING btree (tenant_id, missing_since) WHERE ((missing_since IS NOT NULL) AND (removed_at IS NULL));

--

CREATE INDEX transactions_portfolio_id_idx ON inn8.transactions USING btree (tenant_id, portfolio_id, trade_date);

--

CREATE INDEX transactions_trade_date_idx ON inn8.transactions USING btree (tenant_id, trade_date);

--

CREATE INDEX landings_entity_idx ON inn8_raw.landings USING btree (tenant_id, entity, started_at);

--

ALTER TABLE ONLY inn8.portfolios
    ADD CONSTRAINT portfolios_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES inn8.clients(tenant_id, id);

--

ALTER TABLE ONLY inn8.sync_coverage
    ADD CONSTRAINT sync_coverage_landing_id_fkey FOREIGN KEY (tenant_id, landing_id) REFERENCES inn8_raw.landings(tenant_id, id);

--

ALTER TABLE ONLY inn8.transactions
    ADD CONSTRAINT transactions_portfolio_id_fkey FOREIGN KEY (tenant_id, portfolio_id) REFERENCES inn8.portfolios(tenant_id, id);

--

ALTER TABLE ONLY inn8.transactions
    ADD CONSTRAINT transactions_security_id_fkey FOREIGN KEY (tenant_id, security_id) REFERENCES inn8.securities(tenant_id, id);

--

ALTER TABLE inn8.circuits ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.clients ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.portfolios ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.rejected_records ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.schema_version ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.securities ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.sync_coverage ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.tenant_readers ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.transactions ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8.unknown_properties ENABLE ROW LEVEL SECURITY;

--

CREATE POLICY views ON inn8.clients FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY views ON inn8.portfolios FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY views ON inn8.rejected_records FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY views ON inn8.securities FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY views ON inn8.sync_coverage FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY views ON inn8.tenant_readers FOR SELECT TO inn8_views USING ((role_name = (CURRENT_USER)::text));

--

CREATE POLICY views ON inn8.transactions FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY writer ON inn8.circuits TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.clients TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.portfolios TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.rejected_records TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.schema_version TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.securities TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.sync_coverage TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.transactions TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8.unknown_properties TO inn8_writer USING (true) WITH CHECK (true);

--

ALTER TABLE inn8_raw.landings ENABLE ROW LEVEL SECURITY;

--

ALTER TABLE inn8_raw.pages ENABLE ROW LEVEL SECURITY;

--

CREATE POLICY views ON inn8_raw.landings FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY views ON inn8_raw.pages FOR SELECT TO inn8_views USING ((( SELECT (pg_has_role(CURRENT_USER, 'inn8_writer'::name, 'usage'::text) OR pg_has_role(CURRENT_USER, 'inn8_owner'::name, 'usage'::text))) OR (tenant_id = ANY (ARRAY( SELECT r.tenant_id
   FROM inn8.tenant_readers r
  WHERE (r.role_name = (CURRENT_USER)::text))))));

--

CREATE POLICY writer ON inn8_raw.landings TO inn8_writer USING (true) WITH CHECK (true);

--

CREATE POLICY writer ON inn8_raw.pages TO inn8_writer USING (true) WITH CHECK (true);

--

GRANT USAGE ON SCHEMA inn8 TO inn8_views;
GRANT USAGE ON SCHEMA inn8 TO inn8_writer;
GRANT USAGE ON SCHEMA inn8 TO inn8_reader;

--

GRANT USAGE ON SCHEMA inn8_raw TO inn8_views;
GRANT USAGE ON SCHEMA inn8_raw TO inn8_writer;
GRANT USAGE ON SCHEMA inn8_raw TO inn8_reader;

--

REVOKE ALL ON FUNCTION inn8_raw.property(record json, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION inn8_raw.property(record json, name text) TO inn8_views;
GRANT ALL ON FUNCTION inn8_raw.property(record json, name text) TO inn8_writer;
GRANT ALL ON FUNCTION inn8_raw.property(record json, name text) TO inn8_reader;

--

GRANT SELECT,INSERT,UPDATE ON TABLE inn8.circuits TO inn8_writer;

--

GRANT SELECT,INSERT,MAINTAIN,UPDATE ON TABLE inn8.clients TO inn8_writer;
GRANT SELECT ON TABLE inn8.clients TO inn8_views;

--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE inn8.rejected_records TO inn8_writer;
GRANT SELECT ON TABLE inn8.rejected_records TO inn8_views;

--

GRANT SELECT,INSERT,UPDATE ON TABLE inn8.sync_coverage TO inn8_writer;
GRANT SELECT ON TABLE inn8.sync_coverage TO inn8_views;

--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE inn8_raw.landings TO inn8_writer;
GRANT SELECT ON TABLE inn8_raw.landings TO inn8_views;

--

GRANT SELECT ON TABLE inn8.sync_state TO inn8_writer;
GRANT SELECT ON TABLE inn8.sync_state TO inn8_reader;

--

GRANT SELECT ON TABLE inn8.client_details TO inn8_writer;
GRANT SELECT ON TABLE inn8.client_details TO inn8_reader;

--

GRANT SELECT ON TABLE inn8.open_rejects TO inn8_writer;
GRANT SELECT ON TABLE inn8.open_rejects TO inn8_reader;

--

GRANT SELECT,INSERT,MAINTAIN,UPDATE ON TABLE inn8.portfolios TO inn8_writer;
GRANT SELECT ON TABLE inn8.portfolios TO inn8_views;

--

GRANT SELECT ON TABLE inn8.portfolio_details TO inn8_writer;
GRANT SELECT ON TABLE inn8.portfolio_details TO inn8_reader;

--

GRANT SELECT ON TABLE inn8.schema_version TO inn8_writer;

--

GRANT SELECT,INSERT,MAINTAIN,UPDATE ON TABLE inn8.securities TO inn8_writer;
GRANT SELECT ON TABLE inn8.securities TO inn8_views;

--

GRANT SELECT ON TABLE inn8.tenant_readers TO inn8_views;

--

GRANT SELECT,INSERT,UPDATE ON TABLE inn8.transactions TO inn8_writer;
GRANT SELECT ON TABLE inn8.transactions TO inn8_views;

--

GRANT SELECT ON TABLE inn8.transaction_details TO inn8_writer;
GRANT SELECT ON TABLE inn8.transaction_details TO inn8_reader;

--

GRANT SELECT,INSERT,UPDATE ON TABLE inn8.unknown_properties TO inn8_writer;

--

GRANT SELECT,INSERT,DELETE ON TABLE inn8_raw.pages TO inn8_writer;
GRANT SELECT ON TABLE inn8_raw.pages TO inn8_views;

--

GRANT SELECT ON TABLE inn8_raw.clients TO inn8_writer;
GRANT SELECT ON TABLE inn8_raw.clients TO inn8_reader;

--

GRANT SELECT ON TABLE inn8_raw.portfolios TO inn8_writer;
GRANT SELECT ON TABLE inn8_raw.portfolios TO inn8_reader;

--

GRANT SELECT ON TABLE inn8_raw.transactions TO inn8_writer;
GRANT SELECT ON TABLE inn8_raw.transactions TO inn8_reader;

--

ALTER DEFAULT PRIVILEGES FOR ROLE inn8_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;

--

