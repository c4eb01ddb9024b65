-- What every organisation used, for metrics: read as the owner, sums alone.
CREATE OR REPLACE FUNCTION usage_totals()
    RETURNS TABLE (org_id TEXT, kind TEXT, outcome TEXT, currency TEXT, core_milliseconds BIGINT,
        cost BIGINT, attempts BIGINT)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
    AS 'SELECT org_id, kind, outcome, currency, CAST(SUM(core_milliseconds) AS BIGINT),
        CAST(SUM(cost) AS BIGINT), CAST(SUM(attempts) AS BIGINT)
        FROM usage_month GROUP BY org_id, kind, outcome, currency ORDER BY 1, 2, 3, 4';
REVOKE ALL ON FUNCTION usage_totals() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_totals() TO hetero2_app;
