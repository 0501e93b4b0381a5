"""All that knows Dagster: resources, assets, the sync log, jobs, schedules, sensors.

An asset is a sentence: read, transform, write, report. What it says is done in the rooms below, which know nothing of
Dagster; `sync` joins them. In reading order: `names`, `resources`, `sync`, `assets`, `sync_log`, `jobs`, `schedules`,
`sensors`, `build`. Heavy libraries are imported where they are used, so that the definitions load quickly.
"""
