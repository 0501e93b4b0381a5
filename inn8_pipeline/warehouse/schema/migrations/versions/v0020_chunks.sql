-- What `entity_ddl` printed for schema 0020, as replacements: the views of the records as INN8 sent them.
create or replace view "inn8_raw"."clients" as 
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.place as page, e.place, case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "l"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "e"."record" end as record
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id 
    cross join lateral (
      select row_number() over (order by d.place, e.place) as place, e.sha256
        from unnest("l".page_digests) with ordinality as d (sha256, place)
        left join inn8_raw.page_groups g on g.tenant_id = "l".tenant_id and g.sha256 = d.sha256
        cross join lateral unnest(coalesce(g.page_digests, array[d.sha256])) with ordinality as e (sha256, place)) as d
    
      join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
     where c.entity = 'clients'
    ;
create or replace view "inn8_raw"."portfolios" as 
    select l.tenant_id, l.id as landing_id, l.as_of_at, d.place as page, e.place, case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "l"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "e"."record" end as record
      from inn8.sync_coverage c
      join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id 
    cross join lateral (
      select row_number() over (order by d.place, e.place) as place, e.sha256
        from unnest("l".page_digests) with ordinality as d (sha256, place)
        left join inn8_raw.page_groups g on g.tenant_id = "l".tenant_id and g.sha256 = d.sha256
        cross join lateral unnest(coalesce(g.page_digests, array[d.sha256])) with ordinality as e (sha256, place)) as d
    
      join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
      cross join lateral json_array_elements(p.body) with ordinality as e (record, place)
     where c.entity = 'portfolios'
    ;
create or replace view "inn8_raw"."transactions" as 
    select o.tenant_id, o.landing_id, o.as_of_at, o.page, o.place, v.trade_date as "trade_date", case when (select pg_has_role(current_user, 'inn8_writer', 'usage')
                       or pg_has_role(current_user, 'inn8_owner', 'usage'))
               or "o"."tenant_id" = any (array(select c.tenant_id from inn8.tenant_readers c
                                           where c.role_name = current_user::text and c.has_contact_data))
          then "o"."record" end as record
      from (
        select l.tenant_id, l.id as landing_id, l.as_of_at, d.place as page, e.place, e.record,
               left(inn8_raw.property(e.record, 'tradeDate') #>> array[]::text[], 10) as day
          from (select distinct tenant_id, landing_id from inn8.sync_coverage where entity = 'transactions') c
          join inn8_raw.landings l on l.tenant_id = c.tenant_id and l.id = c.landing_id 
    cross join lateral (
      select row_number() over (order by d.place, e.place) as place, e.sha256
        from unnest("l".page_digests) with ordinality as d (sha256, place)
        left join inn8_raw.page_groups g on g.tenant_id = "l".tenant_id and g.sha256 = d.sha256
        cross join lateral unnest(coalesce(g.page_digests, array[d.sha256])) with ordinality as e (sha256, place)) as d
    
          join inn8_raw.pages p on p.tenant_id = l.tenant_id and p.sha256 = d.sha256
          cross join lateral json_array_elements(p.body) with ordinality as e (record, place)) o
      join inn8.sync_coverage v on v.tenant_id = o.tenant_id and v.landing_id = o.landing_id
           and v.entity = 'transactions' and to_char(v.trade_date, 'YYYY-MM-DD') = o.day
    ;
