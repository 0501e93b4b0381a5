-- The functions that keep past versions: a change by hand makes the landings of its entity not repeatable.

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
    insert into "inn8_history"."clients" ("id", "tenant_id", "external_id", "name", "email", "phone", "address", "status", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom 
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived' else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."missing_since" is null, "o"."removed_at" is null) is distinct from ("n"."external_id", "n"."name", "n"."email", "n"."phone", "n"."address", "n"."status", "n"."missing_since" is null, "n"."removed_at" is null);
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{clients}') and tenant_id in (select tenant_id from old_rows);
    end if;
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."clients" ("id", "tenant_id", "external_id", "name", "email", "phone", "address", "status", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{clients}') and tenant_id in (select tenant_id from old_rows);
    end if;
  else
    insert into "inn8_history"."clients" ("id", "tenant_id", "external_id", "name", "email", "phone", "address", "status", "as_of_at", "missing_since", "removed_at", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."name", "o"."email", "o"."phone", "o"."address", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."clients" o;
    update inn8_raw.landings set is_repeatable = false where is_repeatable and entity = any ('{clients}');
  end if;
  return null;
end
$$;

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
    insert into "inn8_history"."portfolios" ("id", "tenant_id", "external_id", "client_id", "name", "account_number", "account_type", "status", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom 
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived' else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."missing_since" is null, "o"."removed_at" is null, "o"."hidden_since" is null) is distinct from ("n"."external_id", "n"."client_id", "n"."name", "n"."account_number", "n"."account_type", "n"."status", "n"."missing_since" is null, "n"."removed_at" is null, "n"."hidden_since" is null);
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{portfolios}') and tenant_id in (select tenant_id from old_rows);
    end if;
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."portfolios" ("id", "tenant_id", "external_id", "client_id", "name", "account_number", "account_type", "status", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{portfolios}') and tenant_id in (select tenant_id from old_rows);
    end if;
  else
    insert into "inn8_history"."portfolios" ("id", "tenant_id", "external_id", "client_id", "name", "account_number", "account_type", "status", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."client_id", "o"."name", "o"."account_number", "o"."account_type", "o"."status", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."portfolios" o;
    update inn8_raw.landings set is_repeatable = false where is_repeatable and entity = any ('{portfolios}');
  end if;
  return null;
end
$$;

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
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{transactions}') and tenant_id in (select tenant_id from old_rows);
    end if;
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."securities" ("id", "tenant_id", "external_id", "symbol", "name", "isin", "security_type", "currency", "as_of_date", "as_of_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."symbol", "o"."name", "o"."isin", "o"."security_type", "o"."currency", "o"."as_of_date", "o"."as_of_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{transactions}') and tenant_id in (select tenant_id from old_rows);
    end if;
  else
    insert into "inn8_history"."securities" ("id", "tenant_id", "external_id", "symbol", "name", "isin", "security_type", "currency", "as_of_date", "as_of_at", "created_at", "updated_at", "landing_id", "valid_from", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."symbol", "o"."name", "o"."isin", "o"."security_type", "o"."currency", "o"."as_of_date", "o"."as_of_at", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."securities" o;
    update inn8_raw.landings set is_repeatable = false where is_repeatable and entity = any ('{transactions}');
  end if;
  return null;
end
$$;

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
    insert into "inn8_history"."transactions" ("id", "tenant_id", "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "settlement_date", "quantity", "price", "amount", "fees", "currency", "description", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", coalesce(n.valid_from, greatest(changed_at, o.valid_from + interval '1 microsecond')),
           case when landing is null or n.id is null then by_whom 
                when n.removed_at is not null and o.removed_at is null then 'removed'
                when n.missing_since is not null and o.missing_since is null then 'missing'
                when n.missing_since is null and o.missing_since is not null then 'revived' else 'updated' end, landing, run
      from old_rows o left join new_rows n on n.tenant_id = o.tenant_id and n.id = o.id
     where n.id is null or n.valid_from > o.valid_from and ("o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."missing_since" is null, "o"."removed_at" is null, "o"."hidden_since" is null) is distinct from ("n"."external_id", "n"."portfolio_id", "n"."security_id", "n"."transaction_type", "n"."trade_date", "n"."settlement_date", "n"."quantity", "n"."price", "n"."amount", "n"."fees", "n"."currency", "n"."description", "n"."missing_since" is null, "n"."removed_at" is null, "n"."hidden_since" is null);
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{transactions}') and tenant_id in (select tenant_id from old_rows);
    end if;
  elsif tg_op = 'DELETE' then
    insert into "inn8_history"."transactions" ("id", "tenant_id", "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "settlement_date", "quantity", "price", "amount", "fees", "currency", "description", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from old_rows o;
    if landing is null and by_whom = 'edited by hand' then
      update inn8_raw.landings set is_repeatable = false
       where is_repeatable and entity = any ('{transactions}') and tenant_id in (select tenant_id from old_rows);
    end if;
  else
    insert into "inn8_history"."transactions" ("id", "tenant_id", "external_id", "portfolio_id", "security_id", "transaction_type", "trade_date", "settlement_date", "quantity", "price", "amount", "fees", "currency", "description", "as_of_at", "missing_since", "removed_at", "hidden_since", "created_at", "updated_at", "landing_id", "valid_from", "record_digest", valid_to, reason, ended_by_landing_id, ended_by_run_id)
    select "o"."id", "o"."tenant_id", "o"."external_id", "o"."portfolio_id", "o"."security_id", "o"."transaction_type", "o"."trade_date", "o"."settlement_date", "o"."quantity", "o"."price", "o"."amount", "o"."fees", "o"."currency", "o"."description", "o"."as_of_at", "o"."missing_since", "o"."removed_at", "o"."hidden_since", "o"."created_at", "o"."updated_at", "o"."landing_id", "o"."valid_from", "o"."record_digest", greatest(changed_at, o.valid_from + interval '1 microsecond'), by_whom, landing, run
      from "inn8"."transactions" o;
    update inn8_raw.landings set is_repeatable = false where is_repeatable and entity = any ('{transactions}');
  end if;
  return null;
end
$$;
