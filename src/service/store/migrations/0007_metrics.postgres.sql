-- How many jobs are open in each pool, for metrics: read as the owner, counts
-- alone. In parts, each of which an index has.
CREATE OR REPLACE FUNCTION open_jobs()
    RETURNS TABLE (pool TEXT, state TEXT, jobs BIGINT, since BIGINT)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS 'SELECT part.pool, part.state, COUNT(*), MIN(part.since) FROM (
            SELECT j.pool, j.state, j.created_at AS since FROM job j WHERE j.state = ''queued''
            UNION ALL SELECT j.pool, j.state, j.created_at FROM job j WHERE j.state = ''held''
            UNION ALL SELECT j.pool, j.state, COALESCE(j.started_at, j.created_at) FROM job j
                WHERE j.state IN (''running'', ''cancelling'')
        ) AS part GROUP BY part.pool, part.state ORDER BY 1, 2';
REVOKE ALL ON FUNCTION open_jobs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_jobs() TO hetero2_app;
