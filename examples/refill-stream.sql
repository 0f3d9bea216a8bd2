-- Adds to the stream what was received from one moment to another, out of the history, in order; entries that are there
-- already are there twice then. Whether a fix was late is not known any more, and departures are not in history.
--   psql "$DATABASE_URL" -XAtq -v key=nearcast-fixes -v since='2026-11-22T10:00:00Z' -v until='2026-11-22T10:05:00Z' \
--     -f examples/refill-stream.sql | redis-cli -u "$REDIS_URL" > /dev/null
-- (redis-cli -c for a cluster.)
SELECT format('XADD %s * event ''%s''', :'key', replace(
  json_strip_nulls(json_build_object(
    'type', 'accepted', 'fleet', fleet, 'driverId', driver_id,
    'latitude', ST_Y(location::geometry), 'longitude', ST_X(location::geometry),
    'timestamp', round(extract(epoch FROM recorded_at) * 1000)::bigint,
    'accuracy', accuracy, 'altitude', altitude, 'heading', heading, 'speed', speed,
    'attributes', nullif(attributes, '{}'),
    'receivedAt', round(extract(epoch FROM received_at) * 1000)::bigint
  ))::text, '''', '\'''))
FROM fixes
WHERE received_at BETWEEN :'since' AND :'until'
  -- Of the days that this can be about alone, else every partition is read: fixes that were a day late are left out.
  AND recorded_at BETWEEN :'since'::timestamptz - interval '1 day' AND :'until'::timestamptz + interval '1 hour'
ORDER BY received_at, recorded_at;
