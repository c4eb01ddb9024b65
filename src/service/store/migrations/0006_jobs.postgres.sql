-- Whose jobs wait for a pool, least served first; and whose leases ran out: read
-- as the owner, ids alone. Of those that are served alike, the one goes first
-- whose last attempt began longest ago: ids of runs sort by that. Parameters have
-- names that no column has: a column would be taken for them. Each organisation's
-- queue is looked at by its first job: an EXISTS would be made a join of all jobs.
CREATE OR REPLACE FUNCTION orgs_that_wait(of_pool TEXT, for_org TEXT, moment BIGINT) RETURNS TABLE (id TEXT)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS 'SELECT o.id FROM org o
        LEFT JOIN quota q ON q.org_id = o.id LEFT JOIN plan p ON p.name = q.plan
        WHERE (for_org = '''' OR o.id = for_org)
        AND (SELECT j.id FROM job j WHERE j.org_id = o.id AND j.pool = of_pool
            AND j.state = ''queued'' AND j.not_before <= moment
            ORDER BY j.priority DESC, j.id LIMIT 1) IS NOT NULL
        ORDER BY (SELECT COUNT(*) FROM job r WHERE r.org_id = o.id
            AND r.state IN (''running'', ''cancelling'')) * 1.0 / COALESCE(p.weight, 1),
            (SELECT MAX(t.id) FROM run t WHERE t.org_id = o.id) NULLS FIRST, o.id';
CREATE OR REPLACE FUNCTION orgs_with_lost_leases(moment BIGINT) RETURNS TABLE (id TEXT)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS 'SELECT o.id FROM org o WHERE EXISTS (SELECT 1 FROM job j WHERE j.org_id = o.id
        AND j.state IN (''running'', ''cancelling'') AND j.lease_until < moment)';
REVOKE ALL ON FUNCTION orgs_that_wait(TEXT, TEXT, BIGINT), orgs_with_lost_leases(BIGINT) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION orgs_that_wait(TEXT, TEXT, BIGINT), orgs_with_lost_leases(BIGINT) TO hetero2_app;
