-- Beside a table's key no index begins with the organisation where both may serve:
-- while PostgreSQL has not counted a young table it thinks an organisation as rare as
-- an id, takes either, and keeps that plan. By another index than the key a row is then
-- found by reading all of the organisation's.
DROP INDEX job_by_project;
CREATE INDEX job_by_project ON job (project_id, id);
DROP INDEX run_by_project;
CREATE INDEX run_by_project ON run (project_id, id);
DROP INDEX run_by_job;
CREATE INDEX run_by_job ON run (job_id, attempt);
DROP INDEX upload_by_project;
CREATE INDEX upload_by_project ON upload (project_id, id);
DROP INDEX upload_by_run;
CREATE INDEX upload_by_run ON upload (run_id);
DROP INDEX upload_by_blob;
CREATE INDEX upload_by_blob ON upload (blob_id);
DROP INDEX dataset_by_project;
CREATE INDEX dataset_by_project ON dataset (project_id, id);
DROP INDEX dataset_by_blob;
CREATE INDEX dataset_by_blob ON dataset (blob_id);
DROP INDEX blob_by_name;
CREATE INDEX blob_by_name ON blob (object_name);
DROP INDEX artifact_by_blob;
CREATE INDEX artifact_by_blob ON artifact (blob_id);
DROP INDEX job_input_by_blob;
CREATE INDEX job_input_by_blob ON job_input (blob_id);
