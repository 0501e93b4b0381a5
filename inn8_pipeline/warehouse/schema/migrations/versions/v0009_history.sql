-- What `entity_ddl` printed for schema 0009: past versions, triggers, views, and the functions of an instant.
CREATE TABLE inn8_history.clients (
  id BIGINT NOT NULL,
  tenant_id TEXT COLLATE "C" NOT NULL,
  external_id TEXT COLLATE "C" NOT NULL,
  name TEXT NOT NULL,
  email TEXT,
  phone TEXT NOT NULL,
  address TEXT NOT NULL,
  status TEXT NOT NULL,
  as_of_at TIMESTAMP WITH TIME ZONE NOT NULL,
  missing_since TIMESTAMP WITH TIME ZONE,
  removed_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  landing_id BIGINT,
  valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  reason TEXT NOT NULL,
  ended_by_landing_id BIGINT,
  ended_by_run_id TEXT,
  CONSTRAINT clients_pkey PRIMARY KEY (tenant_id, id, valid_to)
);
CREATE INDEX clients_external_id_idx ON inn8_history.clients (tenant_id, external_id, valid_to);
CREATE INDEX clients_valid_to_idx ON inn8_history.clients (tenant_id, valid_to);
alter table "inn8_history"."clients" owner to inn8_owner;
alter table "inn8_history"."clients" enable row level security;
create policy writer on "inn8_history"."clients" to inn8_writer using (true) with check (true);
create policy views on "inn8_history"."clients" for select to inn8_views using (
    (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
    or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
    );
grant select, delete, update ("as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "valid_from", "valid_to") on "inn8_history"."clients" to inn8_writer;
grant select on "inn8_history"."clients" to inn8_views;
CREATE TABLE inn8_history.portfolios (
  id BIGINT NOT NULL,
  tenant_id TEXT COLLATE "C" NOT NULL,
  external_id TEXT COLLATE "C" NOT NULL,
  client_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  account_number TEXT,
  account_type TEXT NOT NULL,
  status TEXT NOT NULL,
  as_of_at TIMESTAMP WITH TIME ZONE NOT NULL,
  missing_since TIMESTAMP WITH TIME ZONE,
  removed_at TIMESTAMP WITH TIME ZONE,
  hidden_since TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  landing_id BIGINT,
  valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  reason TEXT NOT NULL,
  ended_by_landing_id BIGINT,
  ended_by_run_id TEXT,
  CONSTRAINT portfolios_pkey PRIMARY KEY (tenant_id, id, valid_to)
);
CREATE INDEX portfolios_client_id_idx ON inn8_history.portfolios (tenant_id, client_id, valid_to);
CREATE INDEX portfolios_external_id_idx ON inn8_history.portfolios (tenant_id, external_id, valid_to);
CREATE INDEX portfolios_valid_to_idx ON inn8_history.portfolios (tenant_id, valid_to);
alter table "inn8_history"."portfolios" owner to inn8_owner;
alter table "inn8_history"."portfolios" enable row level security;
create policy writer on "inn8_history"."portfolios" to inn8_writer using (true) with check (true);
create policy views on "inn8_history"."portfolios" for select to inn8_views using (
    (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
    or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
    );
grant select, delete, update ("as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "valid_from", "valid_to") on "inn8_history"."portfolios" to inn8_writer;
grant select on "inn8_history"."portfolios" to inn8_views;
CREATE TABLE inn8_history.securities (
  id BIGINT NOT NULL,
  tenant_id TEXT COLLATE "C" NOT NULL,
  external_id TEXT COLLATE "C" NOT NULL,
  symbol TEXT,
  name TEXT,
  isin TEXT,
  security_type TEXT,
  currency TEXT,
  as_of_date DATE NOT NULL,
  as_of_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  landing_id BIGINT,
  valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  reason TEXT NOT NULL,
  ended_by_landing_id BIGINT,
  ended_by_run_id TEXT,
  CONSTRAINT securities_pkey PRIMARY KEY (tenant_id, id, valid_to)
);
CREATE INDEX securities_external_id_idx ON inn8_history.securities (tenant_id, external_id, valid_to);
CREATE INDEX securities_valid_to_idx ON inn8_history.securities (tenant_id, valid_to);
alter table "inn8_history"."securities" owner to inn8_owner;
alter table "inn8_history"."securities" enable row level security;
create policy writer on "inn8_history"."securities" to inn8_writer using (true) with check (true);
create policy views on "inn8_history"."securities" for select to inn8_views using (
    (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
    or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
    );
grant select, delete, update ("as_of_at", "created_at", "updated_at", "valid_from", "valid_to") on "inn8_history"."securities" to inn8_writer;
grant select on "inn8_history"."securities" to inn8_views;
CREATE TABLE inn8_history.transactions (
  id BIGINT NOT NULL,
  tenant_id TEXT COLLATE "C" NOT NULL,
  external_id TEXT COLLATE "C" NOT NULL,
  portfolio_id BIGINT NOT NULL,
  security_id BIGINT,
  transaction_type TEXT NOT NULL,
  trade_date DATE NOT NULL,
  settlement_date DATE,
  quantity NUMERIC(38, 10),
  price NUMERIC(38, 10),
  amount NUMERIC(38, 10),
  fees NUMERIC(38, 10),
  currency TEXT,
  description TEXT,
  as_of_at TIMESTAMP WITH TIME ZONE NOT NULL,
  missing_since TIMESTAMP WITH TIME ZONE,
  removed_at TIMESTAMP WITH TIME ZONE,
  hidden_since TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
  landing_id BIGINT,
  valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  reason TEXT NOT NULL,
  ended_by_landing_id BIGINT,
  ended_by_run_id TEXT,
  CONSTRAINT transactions_pkey PRIMARY KEY (tenant_id, id, valid_to)
);
CREATE INDEX transactions_external_id_idx ON inn8_history.transactions (tenant_id, external_id, valid_to);
CREATE INDEX transactions_portfolio_id_idx ON inn8_history.transactions (tenant_id, portfolio_id, valid_to);
CREATE INDEX transactions_valid_to_idx ON inn8_history.transactions (tenant_id, valid_to);
alter table "inn8_history"."transactions" owner to inn8_owner;
alter table "inn8_history"."transactions" enable row level security;
create policy writer on "inn8_history"."transactions" to inn8_writer using (true) with check (true);
create policy views on "inn8_history"."transactions" for select to inn8_views using (
    (select pg_has_role(current_user, 'inn8_writer', 'usage') or pg_has_role(current_user, 'inn8_owner', 'usage'))
    or tenant_id = any (array(select r.tenant_id from inn8.tenant_readers r where r.role_name = current_user::text))
    );
grant select, delete, update ("as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "valid_from", "valid_to") on "inn8_history"."transactions" to inn8_writer;
grant select on "inn8_history"."transactions" to inn8_views;
create or replace function "inn8_history"."keep_clients"() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_nestloop = off as $$
declare
  dated timestamptz := nullif(current_setting('inn8.changed_at', true), '')::timestamptz;
  changed_at timestamptz := coalesce(dated, statement_timestamp());
  landing bigint := nullif(current_setting('inn8.changed_by_landing', true), '')::bigint;
  run text := nullif(current_setting('inn8.changed_by_run', true), '');
  by_whom text := coalesce(nullif(current_setting('inn8.change_reason', true), ''), 'edited by hand');
begin
  if tg_op = 'UPDATE' then
    insert into "inn8_history"."clients" ("id", "tenant_id", "external_id", "name", "email", "phone", "address", "status", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived' else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."missing_since" is null, "o"."removed_at" is null) is distinct from ("n"."external_id", "n"."name", "n"."email", "n"."phone", "n"."address", "n"."status", "n"."missing_since" is null, "n"."removed_at" is null);
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."clients" ("id", "tenant_id", "external_id", "name", "email", "phone", "address", "status", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
  else
    insert into "inn8_history"."clients" ("id", "tenant_id", "external_id", "name", "email", "phone", "address", "status", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."clients" o;
  end if;
  return null;
end
$$;
revoke all on function "inn8_history"."keep_clients"() from public;
create or replace trigger date_version before update on "inn8"."clients" for each row
when (("old"."external_id", "old"."name", "old"."email", "old"."phone", "old"."address", "old"."status", "old"."missing_since" is null, "old"."removed_at" is null) is distinct from ("new"."external_id", "new"."name", "new"."email", "new"."phone", "new"."address", "new"."status", "new"."missing_since" is null, "new"."removed_at" is null)) execute function inn8_history.date_version();
create or replace trigger keep_updated after update on "inn8"."clients" referencing old table as old_rows new table as new_rows
for each statement execute function "inn8_history"."keep_clients"();
create or replace trigger keep_deleted after delete on "inn8"."clients" referencing old table as old_rows
for each statement execute function "inn8_history"."keep_clients"();
create or replace trigger keep_truncated before truncate on "inn8"."clients"
for each statement execute function "inn8_history"."keep_clients"();
create or replace function "inn8_history"."keep_portfolios"() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_nestloop = off as $$
declare
  dated timestamptz := nullif(current_setting('inn8.changed_at', true), '')::timestamptz;
  changed_at timestamptz := coalesce(dated, statement_timestamp());
  landing bigint := nullif(current_setting('inn8.changed_by_landing', true), '')::bigint;
  run text := nullif(current_setting('inn8.changed_by_run', true), '');
  by_whom text := coalesce(nullif(current_setting('inn8.change_reason', true), ''), 'edited by hand');
begin
  if tg_op = 'UPDATE' then
    insert into "inn8_history"."portfolios" ("id", "tenant_id", "external_id", "client_id", "name", "account_number", "account_type", "status", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived' else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."missing_since" is null, "o"."removed_at" is null, "o"."hidden_since" is null) is distinct from ("n"."external_id", "n"."client_id", "n"."name", "n"."account_number", "n"."account_type", "n"."status", "n"."missing_since" is null, "n"."removed_at" is null, "n"."hidden_since" is null);
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."portfolios" ("id", "tenant_id", "external_id", "client_id", "name", "account_number", "account_type", "status", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
  else
    insert into "inn8_history"."portfolios" ("id", "tenant_id", "external_id", "client_id", "name", "account_number", "account_type", "status", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."portfolios" o;
  end if;
  return null;
end
$$;
revoke all on function "inn8_history"."keep_portfolios"() from public;
create or replace trigger date_version before update on "inn8"."portfolios" for each row
when (("old"."external_id", "old"."client_id", "old"."name", "old"."account_number", "old"."account_type", "old"."status", "old"."missing_since" is null, "old"."removed_at" is null, "old"."hidden_since" is null) is distinct from ("new"."external_id", "new"."client_id", "new"."name", "new"."account_number", "new"."account_type", "new"."status", "new"."missing_since" is null, "new"."removed_at" is null, "new"."hidden_since" is null)) execute function inn8_history.date_version();
create or replace trigger keep_updated after update on "inn8"."portfolios" referencing old table as old_rows new table as new_rows
for each statement execute function "inn8_history"."keep_portfolios"();
create or replace trigger keep_deleted after delete on "inn8"."portfolios" referencing old table as old_rows
for each statement execute function "inn8_history"."keep_portfolios"();
create or replace trigger keep_truncated before truncate on "inn8"."portfolios"
for each statement execute function "inn8_history"."keep_portfolios"();
create or replace function "inn8_history"."keep_securities"() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_nestloop = off as $$
declare
  dated timestamptz := nullif(current_setting('inn8.changed_at', true), '')::timestamptz;
  changed_at timestamptz := coalesce(dated, statement_timestamp());
  landing bigint := nullif(current_setting('inn8.changed_by_landing', true), '')::bigint;
  run text := nullif(current_setting('inn8.changed_by_run', true), '');
  by_whom text := coalesce(nullif(current_setting('inn8.change_reason', true), ''), 'edited by hand');
begin
  if tg_op = 'UPDATE' then
    insert into "inn8_history"."securities" ("id", "tenant_id", "external_id", "symbol", "name", "isin", "security_type", "currency", "as_of_date", "as_of_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."symbol", "o"."name", "o"."isin", "o"."security_type", "o"."currency", "o"."as_of_date", "o"."as_of_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom  else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."symbol", "o"."name", "o"."isin", "o"."security_type", "o"."currency") is distinct from ("n"."external_id", "n"."symbol", "n"."name", "n"."isin", "n"."security_type", "n"."currency");
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."securities" ("id", "tenant_id", "external_id", "symbol", "name", "isin", "security_type", "currency", "as_of_date", "as_of_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."symbol", "o"."name", "o"."isin", "o"."security_type", "o"."currency", "o"."as_of_date", "o"."as_of_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
  else
    insert into "inn8_history"."securities" ("id", "tenant_id", "external_id", "symbol", "name", "isin", "security_type", "currency", "as_of_date", "as_of_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."symbol", "o"."name", "o"."isin", "o"."security_type", "o"."currency", "o"."as_of_date", "o"."as_of_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."securities" o;
  end if;
  return null;
end
$$;
revoke all on function "inn8_history"."keep_securities"() from public;
create or replace trigger date_version before update on "inn8"."securities" for each row
when (("old"."external_id", "old"."symbol", "old"."name", "old"."isin", "old"."security_type", "old"."currency") is distinct from ("new"."external_id", "new"."symbol", "new"."name", "new"."isin", "new"."security_type", "new"."currency")) execute function inn8_history.date_version();
create or replace trigger keep_updated after update on "inn8"."securities" referencing old table as old_rows new table as new_rows
for each statement execute function "inn8_history"."keep_securities"();
create or replace trigger keep_deleted after delete on "inn8"."securities" referencing old table as old_rows
for each statement execute function "inn8_history"."keep_securities"();
create or replace trigger keep_truncated before truncate on "inn8"."securities"
for each statement execute function "inn8_history"."keep_securities"();
create or replace function "inn8_history"."keep_transactions"() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set enable_nestloop = off as $$
declare
  dated timestamptz := nullif(current_setting('inn8.changed_at', true), '')::timestamptz;
  changed_at timestamptz := coalesce(dated, statement_timestamp());
  landing bigint := nullif(current_setting('inn8.changed_by_landing', true), '')::bigint;
  run text := nullif(current_setting('inn8.changed_by_run', true), '');
  by_whom text := coalesce(nullif(current_setting('inn8.change_reason', true), ''), 'edited by hand');
begin
  if tg_op = 'UPDATE' then
    insert into "inn8_history"."transactions" ("id", "tenant_id", "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "settlement_date", "quantity", "price", "amount", "fees", "currency", "description", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived' else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."missing_since" is null, "o"."removed_at" is null, "o"."hidden_since" is null) is distinct from ("n"."external_id", "n"."portfolio_id", "n"."security_id", "n"."transaction_type", "n"."trade_date", "n"."settlement_date", "n"."quantity", "n"."price", "n"."amount", "n"."fees", "n"."currency", "n"."description", "n"."missing_since" is null, "n"."removed_at" is null, "n"."hidden_since" is null);
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."transactions" ("id", "tenant_id", "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "settlement_date", "quantity", "price", "amount", "fees", "currency", "description", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
  else
    insert into "inn8_history"."transactions" ("id", "tenant_id", "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "settlement_date", "quantity", "price", "amount", "fees", "currency", "description", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."transactions" o;
  end if;
  return null;
end
$$;
revoke all on function "inn8_history"."keep_transactions"() from public;
create or replace trigger date_version before update on "inn8"."transactions" for each row
when (("old"."external_id", "old"."portfolio_id", "old"."security_id", "old"."transaction_type", "old"."trade_date", "old"."settlement_date", "old"."quantity", "old"."price", "old"."amount", "old"."fees", "old"."currency", "old"."description", "old"."missing_since" is null, "old"."removed_at" is null, "old"."hidden_since" is null) is distinct from ("new"."external_id", "new"."portfolio_id", "new"."security_id", "new"."transaction_type", "new"."trade_date", "new"."settlement_date", "new"."quantity", "new"."price", "new"."amount", "new"."fees", "new"."currency", "new"."description", "new"."missing_since" is null, "new"."removed_at" is null, "new"."hidden_since" is null)) execute function inn8_history.date_version();
create or replace trigger keep_updated after update on "inn8"."transactions" referencing old table as old_rows new table as new_rows
for each statement execute function "inn8_history"."keep_transactions"();
create or replace trigger keep_deleted after delete on "inn8"."transactions" referencing old table as old_rows
for each statement execute function "inn8_history"."keep_transactions"();
create or replace trigger keep_truncated before truncate on "inn8"."transactions"
for each statement execute function "inn8_history"."keep_transactions"();
grant create on schema inn8 to inn8_views;
create or replace view "inn8"."client_details" as
    select t.tenant_id, t.id, t.external_id, "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", t.missing_since, t.removed_at, t.created_at, t.updated_at,
           case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
                when t.missing_since is not null then t.as_of_at
                when u.row_id is not null then u.confirmed_at
                else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at,
           t.landing_id, t.valid_from
      from "inn8"."clients" t
      left join inn8.sync_state s on s.tenant_id = t.tenant_id and s.entity = 'clients' and s.trade_date is null
      left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = 'clients'
           and r.record_key = t.external_id and r.resolved_at is null
      left join inn8.unconfirmed_rows u on u.tenant_id = t.tenant_id and u.entity = 'clients' and u.row_id = t.id
     where not (false);
create view "inn8"."client_history" as
    select "t"."tenant_id", "t"."id", "t"."external_id", "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."clients" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."clients" t) t;
alter view "inn8"."client_history" owner to inn8_views;
grant select on "inn8"."client_history" to inn8_writer, inn8_reader;
create type "inn8"."client_as_of" as ("tenant_id" text collate "C", "id" bigint, "external_id" text collate "C", "name" text, "email" text, "phone" text, "address" text, "status" text, "missing_since" timestamptz, "removed_at" timestamptz, "created_at" timestamptz, "updated_at" timestamptz, "landing_id" bigint, "valid_from" timestamptz, "valid_to" timestamptz);
create function "inn8"."clients_as_of"(instant timestamptz) returns setof "inn8"."client_as_of" language sql stable parallel safe as $$
  select "t"."tenant_id", "t"."id", "t"."external_id", "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to"
    from "inn8"."client_history" t
   where "t".valid_from <= instant and ("t".valid_to is null or "t".valid_to > instant)
$$;
revoke all on function "inn8"."clients_as_of"(timestamptz) from public;
grant execute on function "inn8"."clients_as_of"(timestamptz) to inn8_writer, inn8_reader;
comment on function "inn8"."clients_as_of"(timestamptz) is 'The clients as they were at an instant, joined like inn8.client_details.';
create or replace view "inn8"."portfolio_details" as
    select t.tenant_id, t.id, t.external_id, "t"."client_id", "client_id"."external_id" as "client_external_id", "client_id"."name" as "client_name", "t"."name", "t"."account_number", "t"."account_type", "t"."status", t.missing_since, t.removed_at, t.created_at, t.updated_at,
           case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
                when t.missing_since is not null then t.as_of_at
                when u.row_id is not null then u.confirmed_at
                else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at,
           t.landing_id, t.valid_from
      from "inn8"."portfolios" t   join "inn8"."clients" as "client_id" on "client_id".tenant_id = t.tenant_id and "client_id".id = t."client_id"
      left join inn8.sync_state s on s.tenant_id = t.tenant_id and s.entity = 'portfolios' and s.trade_date is null
      left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = 'portfolios'
           and r.record_key = t.external_id and r.resolved_at is null
      left join inn8.unconfirmed_rows u on u.tenant_id = t.tenant_id and u.entity = 'portfolios' and u.row_id = t.id
     where not ("t"."hidden_since" is not null);
create view "inn8"."portfolio_history" as
    select "t"."tenant_id", "t"."id", "t"."external_id", "t"."client_id", "client_id"."external_id" as "client_external_id", "t"."name", "t"."account_number", "t"."account_type", "t"."status", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."client_id", "t"."name", "t"."account_number", "t"."account_type", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."portfolios" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."client_id", "t"."name", "t"."account_number", "t"."account_type", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."portfolios" t) t  left join "inn8"."clients" as "client_id" on "client_id".tenant_id = t.tenant_id and "client_id".id = t."client_id" where t.hidden_since is null;
alter view "inn8"."portfolio_history" owner to inn8_views;
grant select on "inn8"."portfolio_history" to inn8_writer, inn8_reader;
create type "inn8"."portfolio_as_of" as ("tenant_id" text collate "C", "id" bigint, "external_id" text collate "C", "client_id" bigint, "client_external_id" text collate "C", "client_name" text, "name" text, "account_number" text, "account_type" text, "status" text, "missing_since" timestamptz, "removed_at" timestamptz, "created_at" timestamptz, "updated_at" timestamptz, "landing_id" bigint, "valid_from" timestamptz, "valid_to" timestamptz);
create function "inn8"."portfolios_as_of"(instant timestamptz) returns setof "inn8"."portfolio_as_of" language sql stable parallel safe as $$
  select "t"."tenant_id", "t"."id", "t"."external_id", "t"."client_id", "client_id"."external_id" as "client_external_id", "client_id"."name" as "client_name", "t"."name", "t"."account_number", "t"."account_type", "t"."status", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to"
    from "inn8"."portfolio_history" t
     join "inn8"."client_history" as "client_id" on "client_id".tenant_id = t.tenant_id and "client_id".id = t."client_id"
         and "client_id".valid_from <= instant and ("client_id".valid_to is null or "client_id".valid_to > instant)
   where "t".valid_from <= instant and ("t".valid_to is null or "t".valid_to > instant)
$$;
revoke all on function "inn8"."portfolios_as_of"(timestamptz) from public;
grant execute on function "inn8"."portfolios_as_of"(timestamptz) to inn8_writer, inn8_reader;
comment on function "inn8"."portfolios_as_of"(timestamptz) is 'The portfolios as they were at an instant, joined like inn8.portfolio_details.';
create or replace view "inn8"."transaction_details" as
    select t.tenant_id, t.id, t.external_id, "t"."portfolio_id", "portfolio_id"."external_id" as "portfolio_external_id", "portfolio_id"."client_id" as "client_id", "t"."security_id", "security_id"."external_id" as "security_external_id", "security_id"."symbol" as "security_symbol", "security_id"."name" as "security_name", "security_id"."isin" as "security_isin", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", t.missing_since, t.removed_at, t.created_at, t.updated_at,
           case when r.id is not null then greatest(r.row_as_of_at, t.as_of_at)
                when t.missing_since is not null then t.as_of_at
                when u.row_id is not null then u.confirmed_at
                else greatest(t.as_of_at, s.last_synced_at) end as last_synced_at,
           t.landing_id, t.valid_from
      from "inn8"."transactions" t   join "inn8"."portfolios" as "portfolio_id" on "portfolio_id".tenant_id = t.tenant_id and "portfolio_id".id = t."portfolio_id" left join "inn8"."securities" as "security_id" on "security_id".tenant_id = t.tenant_id and "security_id".id = t."security_id"
      left join inn8.sync_state s on s.tenant_id = t.tenant_id and s.entity = 'transactions' and s.trade_date = t.trade_date
      left join inn8.rejected_records r on r.tenant_id = t.tenant_id and r.entity = 'transactions'
           and r.record_key = t.external_id and r.resolved_at is null
      left join inn8.unconfirmed_rows u on u.tenant_id = t.tenant_id and u.entity = 'transactions' and u.row_id = t.id
     where not ("t"."hidden_since" is not null or exists (select from "inn8"."portfolios" as "t_portfolio_id"
                where "t_portfolio_id".tenant_id = "t".tenant_id and "t_portfolio_id".id = "t"."portfolio_id" and ("t_portfolio_id"."hidden_since" is not null)));
create view "inn8"."security_history" as
    select "t"."tenant_id", "t"."id", "t"."external_id", "t"."symbol", "t"."name", "t"."isin", "t"."security_type", "t"."currency", "t"."as_of_date", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."symbol", "t"."name", "t"."isin", "t"."security_type", "t"."currency", "t"."as_of_date", "t"."as_of_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."securities" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."symbol", "t"."name", "t"."isin", "t"."security_type", "t"."currency", "t"."as_of_date", "t"."as_of_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."securities" t) t;
alter view "inn8"."security_history" owner to inn8_views;
grant select on "inn8"."security_history" to inn8_writer, inn8_reader;
create view "inn8"."transaction_history" as
    select "t"."tenant_id", "t"."id", "t"."external_id", "t"."portfolio_id", "portfolio_id"."external_id" as "portfolio_external_id", "t"."security_id", "security_id"."external_id" as "security_external_id", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."portfolio_id", "t"."security_id", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."transactions" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."portfolio_id", "t"."security_id", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."transactions" t) t  left join "inn8"."portfolios" as "portfolio_id" on "portfolio_id".tenant_id = t.tenant_id and "portfolio_id".id = t."portfolio_id" left join "inn8"."securities" as "security_id" on "security_id".tenant_id = t.tenant_id and "security_id".id = t."security_id" where t.hidden_since is null;
alter view "inn8"."transaction_history" owner to inn8_views;
grant select on "inn8"."transaction_history" to inn8_writer, inn8_reader;
create type "inn8"."transaction_as_of" as ("tenant_id" text collate "C", "id" bigint, "external_id" text collate "C", "portfolio_id" bigint, "portfolio_external_id" text collate "C", "client_id" bigint, "security_id" bigint, "security_external_id" text collate "C", "security_symbol" text, "security_name" text, "security_isin" text, "transaction_type" text, "trade_date" date, "settlement_date" date, "quantity" numeric(38, 10), "price" numeric(38, 10), "amount" numeric(38, 10), "fees" numeric(38, 10), "currency" text, "description" text, "missing_since" timestamptz, "removed_at" timestamptz, "created_at" timestamptz, "updated_at" timestamptz, "landing_id" bigint, "valid_from" timestamptz, "valid_to" timestamptz);
create function "inn8"."transactions_as_of"(instant timestamptz) returns setof "inn8"."transaction_as_of" language sql stable parallel safe as $$
  select "t"."tenant_id", "t"."id", "t"."external_id", "t"."portfolio_id", "portfolio_id"."external_id" as "portfolio_external_id", "portfolio_id"."client_id" as "client_id", "t"."security_id", "security_id"."external_id" as "security_external_id", "security_id"."symbol" as "security_symbol", "security_id"."name" as "security_name", "security_id"."isin" as "security_isin", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to"
    from "inn8"."transaction_history" t
     join "inn8"."portfolio_history" as "portfolio_id" on "portfolio_id".tenant_id = t.tenant_id and "portfolio_id".id = t."portfolio_id"
         and "portfolio_id".valid_from <= instant and ("portfolio_id".valid_to is null or "portfolio_id".valid_to > instant)
    left join "inn8"."security_history" as "security_id" on "security_id".tenant_id = t.tenant_id and "security_id".id = t."security_id"
         and "security_id".valid_from <= instant and ("security_id".valid_to is null or "security_id".valid_to > instant)
   where "t".valid_from <= instant and ("t".valid_to is null or "t".valid_to > instant)
$$;
revoke all on function "inn8"."transactions_as_of"(timestamptz) from public;
grant execute on function "inn8"."transactions_as_of"(timestamptz) to inn8_writer, inn8_reader;
comment on function "inn8"."transactions_as_of"(timestamptz) is 'The transactions as they were at an instant, joined like inn8.transaction_details.';
revoke create on schema inn8 from inn8_views;
