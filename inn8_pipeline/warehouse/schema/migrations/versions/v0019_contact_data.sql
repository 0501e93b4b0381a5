-- What `entity_ddl` printed for schema 0019, as replacements: the views with personal columns or records.
create or replace view "inn8"."client_details" as 
    select t.tenant_id, t.id, t.external_id, case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."name" end as "name", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."email" end as "email", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."phone" end as "phone", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."address" end as "address", "t"."status", t.missing_since, t.removed_at, t.created_at, t.updated_at,
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
     where not (false)
    ;
create or replace view "inn8_raw"."clients" as 
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "l"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "e"."record" end as record
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
      cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
      join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
     where c.entity = 'clients'
    ;
create or replace view "inn8"."client_history" as 
    select "t"."tenant_id", "t"."id", "t"."external_id", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."name" end as "name", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."email" end as "email", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."phone" end as "phone", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."address" end as "address", "t"."status", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."record_digest", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."clients" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."name", "t"."email", "t"."phone", "t"."address", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."record_digest", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."clients" t) t  
    ;
create or replace view "inn8"."portfolio_details" as 
    select t.tenant_id, t.id, t.external_id, "t"."client_id", "client_id"."external_id" as "client_external_id", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "client_id"."name" end as "client_name", "t"."name", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."account_number" end as "account_number", "t"."account_type", "t"."status", t.missing_since, t.removed_at, t.created_at, t.updated_at,
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
     where not ("t"."hidden_since" is not null)
    ;
create or replace view "inn8_raw"."portfolios" as 
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "l"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "e"."record" end as record
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
      cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
      join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
     where c.entity = 'portfolios'
    ;
create or replace view "inn8"."portfolio_history" as 
    select "t"."tenant_id", "t"."id", "t"."external_id", "t"."client_id", "client_id"."external_id" as "client_external_id", "t"."name", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."account_number" end as "account_number", "t"."account_type", "t"."status", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."client_id", "t"."name", "t"."account_number", "t"."account_type", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."record_digest", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."portfolios" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."client_id", "t"."name", "t"."account_number", "t"."account_type", "t"."status", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."record_digest", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."portfolios" t) t  left join "inn8"."clients" as "client_id" on "client_id".tenant_id = t.tenant_id and "client_id".id = t."client_id" where t.hidden_since is null
    ;
create or replace view "inn8"."transaction_details" as 
    select t.tenant_id, t.id, t.external_id, "t"."portfolio_id", "portfolio_id"."external_id" as "portfolio_external_id", "portfolio_id"."client_id", "t"."security_id", "security_id"."external_id" as "security_external_id", "security_id"."symbol" as "security_symbol", "security_id"."name" as "security_name", "security_id"."isin" as "security_isin", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."description" end as "description", t.missing_since, t.removed_at, t.created_at, t.updated_at,
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
                where "t_portfolio_id".tenant_id = "t".tenant_id and "t_portfolio_id".id = "t"."portfolio_id" and ("t_portfolio_id"."hidden_since" is not null)))
    ;
create or replace view "inn8_raw"."transactions" as 
    select o.tenant_id, o.landing_id, o.as_of_at, o.page, o.place, v.trade_date as "trade_date", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "o"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "o"."record" end as record
      from (
        select l.tenant_id, l.id as landing_id, l.as_of_at, d.page, e.place, e.record,
               left(inn8_raw.property(e.record, 'tradeDate') #>> array[]::text[], 10) as day
          from (select distinct tenant_id, landing_id from inn8.sync_coverage where entity = 'transactions') c
          join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id
          cross join lateral unnest(l.page_digests) with ordinality as d (sha256, page)
          join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
          cross join lateral json_array_elements(p.body) with ordinality as e (record, place)) o
      join inn8.sync_coverage v on v.tenant_id = o.tenant_id and v.landing_id = o.landing_id
           and v.entity = 'transactions' and to_char(v.trade_date, 'YYYY-MM-DD') = o.day
    ;
create or replace view "inn8"."transaction_history" as 
    select "t"."tenant_id", "t"."id", "t"."external_id", "t"."portfolio_id", "portfolio_id"."external_id" as "portfolio_external_id", "t"."security_id", "security_id"."external_id" as "security_external_id", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "t"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "t"."description" end as "description", "t"."missing_since", "t"."removed_at", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id"
      from (select "t"."id", "t"."tenant_id", "t"."external_id", "t"."portfolio_id", "t"."security_id", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."record_digest", null::timestamptz as valid_to, null::text as reason, null::bigint as ended_by_landing_id,
                   null::text as ended_by_run_id
              from "inn8"."transactions" t
             union all
            select "t"."id", "t"."tenant_id", "t"."external_id", "t"."portfolio_id", "t"."security_id", "t"."transaction_type", "t"."trade_date", "t"."settlement_date", "t"."quantity", "t"."price", "t"."amount", "t"."fees", "t"."currency", "t"."description", "t"."as_of_at", "t"."missing_since", "t"."removed_at", "t"."hidden_since", "t"."created_at", "t"."updated_at", "t"."landing_id", "t"."valid_from", "t"."record_digest", "t"."valid_to", "t"."reason", "t"."ended_by_landing_id", "t"."ended_by_run_id" from "inn8_history"."transactions" t) t  left join "inn8"."portfolios" as "portfolio_id" on "portfolio_id".tenant_id = t.tenant_id and "portfolio_id".id = t."portfolio_id" left join "inn8"."securities" as "security_id" on "security_id".tenant_id = t.tenant_id and "security_id".id = t."security_id" where t.hidden_since is null
    ;
