//! What is submitted to SLURM: the scripts, made from the templates in the
//! folder `slurm/`, and the options of `sbatch`.

use std::path::Path;
use std::time::Duration;

use super::turns::Turn;
use crate::command::quoted;
use crate::resources::walltime;
use crate::tasks::TaskSet;
use crate::work::{Document, Requeue, Work};
use crate::{Kind, Resources, SchedulerError};

const TASKS: &str = include_str!("../../../slurm/tasks.sbatch");
const FINISH: &str = include_str!("../../../slurm/reduce.sbatch");

/// Begin and end of the lines of a template that a submission replaces.
const OPEN: &str = "# <<<";
const CLOSE: &str = "# >>>";

/// How long before its time limit a job gets TERM; less for short jobs.
const GRACE: Duration = Duration::from_secs(60);

/// Digits of the names of output files.
const DIGITS: usize = 5;

/// Limits of a cluster on job arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayLimits {
    /// Indices are less than this.
    pub size: u32,
    /// Most tasks of one array.
    pub tasks: u32,
}

impl Default for ArrayLimits {
    /// SLURM's own defaults.
    fn default() -> Self {
        Self { size: 1001, tasks: 1001 }
    }
}

/// A part of the tasks that fits into one job array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Number of a task less its index.
    pub offset: u32,
    /// Power of ten that `offset` is a multiple of, and that no index reaches.
    pub block: u32,
    /// Numbers of the tasks.
    pub tasks: TaskSet,
}

/// Splits tasks into arrays.
///
/// Offsets are multiples of a power of ten, so that SLURM itself can name the
/// output of a task by its number: array 7000 writes to `07%3a.out`.
pub fn arrays(tasks: &TaskSet, limits: ArrayLimits) -> Vec<Array> {
    // With at most 10,000 tasks, the option with their ranges stays short
    // enough for a command line.
    let block = [10_000, 1000, 100, 10].into_iter().find(|b| *b <= limits.size).unwrap_or(1);
    let most = limits.tasks.max(1) as usize;
    let mut arrays: Vec<Array> = Vec::new();
    for task in tasks.iter() {
        let offset = task / block * block;
        match arrays.last_mut() {
            Some(last) if last.offset == offset && last.tasks.len() < most => {
                last.tasks.insert(task);
            }
            _ => arrays.push(Array { offset, block, tasks: TaskSet::from_iter([task]) }),
        }
    }
    arrays
}

/// The scripts: of the tasks and, if there is one, of the last command.
pub fn documents(work: &Work) -> (Document, Option<Document>) {
    let command = quoted(&work.contained(&work.task, &work.resources));
    let tasks = format!("{}command=({command})\noffset=${{1:-0}}\n", work.preamble());
    let tasks = Document { path: work.folder.join("tasks.sbatch"), text: filled(TASKS, &tasks) };
    let finish = work.finish.as_ref().map(|finish| {
        let command = quoted(&work.contained(finish, &work.finish_resources));
        let lines = format!("{}command=({command})\n", work.preamble());
        Document { path: work.folder.join("finish.sbatch"), text: filled(FINISH, &lines) }
    });
    (tasks, finish)
}

/// The template with the lines between its marks replaced. Comments at its
/// head tell how to use it by hand, which the options in there do not.
fn filled(template: &str, lines: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in template.lines() {
        if line.starts_with(OPEN) {
            inside = true;
            text.push_str(lines);
        } else if line.starts_with(CLOSE) {
            inside = false;
        } else if !inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Name of the job of an array: no other array of this or another submission has it.
pub fn array_name(work: &Work, array: &Array) -> String {
    format!("{}-{}", work.name, array.tasks.iter().next().unwrap_or(array.offset))
}

/// Name of the job of the last command.
pub fn finish_name(work: &Work) -> String {
    format!("{}-finish", work.name)
}

/// The command that submits an array; `ids` are those of the arrays before it.
pub fn submit_array(
    work: &Work,
    script: &Path,
    array: &Array,
    turn: Turn,
    ids: &[String],
) -> Result<Vec<String>, SchedulerError> {
    let width = array.block.ilog10() as usize;
    let output = match width {
        0 => format!("{:0DIGITS$}.out", array.offset),
        // Not further: the prefix may need more digits than are left for it.
        _ => {
            format!("{:0prefix$}%{width}a.out", array.offset / array.block, prefix = DIGITS - width)
        }
    };
    let indices = array.tasks.iter().map(|task| task - array.offset).collect::<TaskSet>();
    let throttle = turn.most.map(|most| format!("%{most}")).unwrap_or_default();
    let after = turn.after.and_then(|earlier| ids.get(earlier)).cloned();
    let mut command = sbatch(work, &array_name(work, array), &work.resources);
    command.push(format!("--array={indices}{throttle}"));
    command.push(format!("--output={}/{output}", pattern(&work.logs)?));
    command.extend(dependency(after.as_slice()));
    command.extend(work.extra.iter().cloned());
    command.extend([utf8(script), array.offset.to_string()]);
    Ok(command)
}

/// The command that submits the last command, after the jobs with these ids.
pub fn submit_finish(
    work: &Work,
    script: &Path,
    after: &[String],
) -> Result<Vec<String>, SchedulerError> {
    let mut command = sbatch(work, &finish_name(work), &work.finish_resources);
    command.push(format!("--output={}/finish.out", pattern(&work.logs)?));
    command.extend(dependency(after));
    command.extend(work.extra.iter().cloned());
    command.push(utf8(script));
    Ok(command)
}

/// `sbatch` with what all jobs have in common.
///
/// Everything is said on the command line: variables `SBATCH_*` of the user
/// would win over the lines of a script.
fn sbatch(work: &Work, name: &str, resources: &Resources) -> Vec<String> {
    let Resources { partition, account, qos, time, cpus, gpus, constraint, .. } = resources;
    // SLURM may send the signal a minute early: a short job must not get it at its start.
    let grace = time.map_or(GRACE, |limit| GRACE.min(limit / 4)).as_secs().max(1);
    let requeue = match work.requeue {
        Requeue::Allowed => "--requeue",
        Requeue::Never => "--no-requeue",
    };
    let mut command = ["sbatch", "--parsable", "--export=ALL", requeue, "--open-mode=append"]
        .map(str::to_owned)
        .to_vec();
    command.push(format!("--signal=B:TERM@{grace}"));
    command.push(format!("--job-name={name}"));
    command.extend(partition.as_ref().map(|partition| format!("--partition={partition}")));
    command.extend(account.as_ref().map(|account| format!("--account={account}")));
    command.extend(qos.as_ref().map(|qos| format!("--qos={qos}")));
    command.extend(constraint.as_ref().map(|features| format!("--constraint={features}")));
    command.extend(time.map(|limit| format!("--time={}", walltime(limit))));
    // Never both: SLURM refuses that.
    command.extend(match (resources.memory_mib, resources.memory_per_cpu_mib) {
        (Some(mib), _) => Some(format!("--mem={mib}M")),
        (None, per_cpu) => per_cpu.map(|mib| format!("--mem-per-cpu={mib}M")),
    });
    command.extend(cpus.map(|cpus| format!("--cpus-per-task={cpus}")));
    command.extend(gpus.filter(|gpus| *gpus > 0).map(|gpus| format!("--gres=gpu:{gpus}")));
    command
}

/// `afterany`, because `afterok` on an array can never be fulfilled once a
/// task of it failed, even if that task is requeued and succeeds.
fn dependency(after: &[String]) -> Option<String> {
    (!after.is_empty()).then(|| format!("--dependency=afterany:{}", after.join(":")))
}

/// A path in an option where SLURM expands `%`.
fn pattern(path: &Path) -> Result<String, SchedulerError> {
    let path = utf8(path);
    if path.contains('\\') {
        let why = format!("SLURM takes no `\\` in the path of output: {path}");
        return Err(SchedulerError::Invalid { scheduler: Kind::Slurm, field: "logs", why });
    }
    Ok(path.replace('%', "%%"))
}

/// [`Work::check`] lets no other path pass.
fn utf8(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
