//! What is asked of a scheduler: from the settings files of user and project
//! and from the command line, each over the one before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use hetero2_scheduler::{Kind, Requeue, Resources};
use serde::{Deserialize, Serialize};

use super::error::ClusterError;
use super::quantity::{QuantityError, parse_memory, parse_walltime};
use hetero2_engine::run::BackendKind;

/// Name of a settings file.
const FILE_NAME: &str = "hetero2.toml";

/// Largest settings file.
const MAX_BYTES: u64 = 1 << 20;

/// Resources of shards and of the reducer, environment, and retries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What one shard needs.
    pub shard: Resources,
    /// What the reducer needs.
    pub reduce: Resources,
    /// Environment variables of every command.
    pub environment: BTreeMap<String, String>,
    /// Environment variables whose values are read from these files where jobs
    /// run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, PathBuf>,
    /// Environment modules to load first.
    pub modules: Vec<String>,
    /// Container image that every command runs in.
    pub container: Option<String>,
    /// Most tasks that run at once.
    pub array_limit: Option<u32>,
    /// Shards of a task, one after the other; one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards_per_task: Option<u32>,
    /// Most jobs of a round, the reducer among them: tasks get as many shards as that
    /// takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs: Option<u32>,
    /// What becomes of a task whose node is lost.
    #[serde(default)]
    pub requeue: Requeue,
    /// Further flags for the submit command.
    pub extra: Vec<String>,
    /// Most rounds before missing shards end the submission.
    pub max_rounds: u32,
    /// Factor of time and memory from one automatic round to the next.
    pub escalation: f64,
    /// Device that computes spectra; what is fastest without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendKind>,
    /// GPU adapter, by number or part of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_adapter: Option<String>,
    /// Whether the pack gets its zip; what is usual for its size without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zip: Option<Zip>,
    /// The command that gives scores, of a plan that asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorer: Option<ShardScorer>,
}

/// The command that gives scores, as shards are called with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardScorer {
    /// The command: that of the plan.
    pub command: String,
    /// The options of `hetero2 shard` that name it and say how it is asked.
    pub options: Vec<String>,
}

/// Whether a pack gets its zip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zip {
    /// However large it is.
    Always,
    /// Not even of a small one.
    Never,
}

impl Settings {
    /// The option of `hetero2 reduce` and `hetero2 mpi` that says whether to zip.
    pub(super) fn zip_option(&self) -> Option<String> {
        self.zip.map(|zip| match zip {
            Zip::Always => "--zip".to_owned(),
            Zip::Never => "--no-zip".to_owned(),
        })
    }

    /// How many shards of a plan of so many a task computes: task 3 of tasks of ten has
    /// the shards 30 to 39.
    #[must_use]
    pub(super) fn shards_of_a_task(&self, shards: usize) -> u32 {
        let shards = u32::try_from(shards).unwrap_or(u32::MAX);
        let asked = self.shards_per_task.unwrap_or(1);
        // One job is the reducer.
        let tasks = self.max_jobs.map(|jobs| jobs.saturating_sub(1).max(1));
        tasks.map_or(asked, |tasks| asked.max(shards.div_ceil(tasks))).max(1)
    }

    /// The options of `hetero2 shard` and `hetero2 mpi` that choose the device.
    pub(super) fn device_options(&self) -> Vec<String> {
        // A GPU that was asked for and cannot be used is an error, not a slow run.
        let granted = self.shard.gpus.filter(|gpus| *gpus > 0).map(|_| BackendKind::Gpu);
        let backend = self.backend.or(granted).map(|kind| format!("--backend={kind}"));
        let adapter = self.gpu_adapter.as_ref().map(|name| format!("--gpu-adapter={name}"));
        backend.into_iter().chain(adapter).collect()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shard: Resources::default(),
            reduce: Resources::default(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            modules: Vec::new(),
            container: None,
            array_limit: None,
            shards_per_task: None,
            max_jobs: None,
            requeue: Requeue::Allowed,
            extra: Vec::new(),
            max_rounds: 3,
            escalation: 1.5,
            backend: None,
            gpu_adapter: None,
            zip: None,
            scorer: None,
        }
    }
}

/// A settings file: TOML with the tables `[submit]` and `[run]`. The options of the
/// command line make one more.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SettingsFile {
    /// Settings of `submit` and `resume`.
    pub submit: SubmitSettings,
    /// Options of `run` by their long names, which the program knows.
    pub run: BTreeMap<String, serde_json::Value>,
}

/// Settings as people write them; what is absent is as it was.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SubmitSettings {
    /// Scheduler to submit to.
    pub scheduler: Option<Kind>,
    /// Partition or queue.
    pub partition: Option<String>,
    /// Account that is charged.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Node features.
    pub constraint: Option<String>,
    /// Walltime of a shard.
    pub time: Option<String>,
    /// Memory of a shard.
    pub mem: Option<String>,
    /// Memory of a shard for each of its cores; goes over [`SubmitSettings::mem`] of
    /// earlier settings, and the other way round.
    pub mem_per_cpu: Option<String>,
    /// Cores of a shard.
    pub cpus: Option<u32>,
    /// GPUs of a shard.
    pub gpus: Option<u32>,
    /// Partition or queue of the reducer; goes over [`SubmitSettings::partition`].
    pub reduce_partition: Option<String>,
    /// Walltime of the reducer.
    pub reduce_time: Option<String>,
    /// Memory of the reducer.
    pub reduce_mem: Option<String>,
    /// Cores of the reducer.
    pub reduce_cpus: Option<u32>,
    /// Most tasks at once.
    pub array_limit: Option<u32>,
    /// Shards of a task.
    pub shards_per_task: Option<u32>,
    /// Most jobs of a round.
    pub max_jobs: Option<u32>,
    /// Environment modules.
    pub modules: Vec<String>,
    /// Container image.
    pub container: Option<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Environment variables, with the files that hold their values.
    pub env_files: BTreeMap<String, PathBuf>,
    /// Whether tasks run again whose node is lost.
    pub requeue: Option<Requeue>,
    /// Further flags.
    pub extra: Vec<String>,
    /// Most rounds.
    pub max_rounds: Option<u32>,
    /// Factor of time and memory from round to round.
    pub escalation: Option<f64>,
    /// Device that computes spectra.
    pub backend: Option<BackendKind>,
    /// GPU adapter.
    pub gpu_adapter: Option<String>,
    /// Whether the pack gets its zip.
    pub zip: Option<Zip>,
    /// The command that gives scores; no settings file names one.
    #[serde(skip)]
    pub scorer: Option<ShardScorer>,
}

/// Where a settings file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user's own folder of settings.
    User,
    /// The working directory, which may be anybody's: an archive that was
    /// unpacked, a checkout, a shared folder.
    WorkingDirectory,
}

/// Whether the settings of the working directory may run code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Only those that cannot: resources, places, the scheduler's name.
    Resources,
    /// All of them.
    Everything,
}

/// A settings file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedSettings {
    /// The file.
    pub path: PathBuf,
    /// Where it was found.
    pub origin: Origin,
    /// What it says.
    pub settings: SubmitSettings,
    /// What it says of `run`.
    pub run: BTreeMap<String, serde_json::Value>,
}

impl LoadedSettings {
    /// Refuses settings of the working directory that can run code of whoever
    /// wrote them, unless they are trusted.
    ///
    /// # Errors
    /// [`ClusterError::Untrusted`] names the file and those settings.
    pub fn check(&self, trust: Trust) -> Result<(), ClusterError> {
        let keys = self.settings.code_keys();
        let allowed = trust == Trust::Everything || self.origin == Origin::User || keys.is_empty();
        if allowed {
            return Ok(());
        }
        Err(ClusterError::Untrusted { path: self.path.clone(), keys: keys.join(", ") })
    }
}

impl SettingsFile {
    /// The settings files that there are: the user's, then the project's,
    /// which is `hetero2.toml` in the working directory.
    ///
    /// # Errors
    /// [`ClusterError::Settings`] names file, line and what is wrong.
    pub fn load_all() -> Result<Vec<LoadedSettings>, ClusterError> {
        let user = user_file().map(|path| (path, Origin::User));
        let files = user.into_iter().chain([(PathBuf::from(FILE_NAME), Origin::WorkingDirectory)]);
        let loaded = files.filter_map(|(path, origin)| {
            let file = Self::load(&path).transpose()?;
            Some(file.map(|file| LoadedSettings {
                path,
                origin,
                settings: file.submit,
                run: file.run,
            }))
        });
        loaded.collect()
    }

    /// Reads one settings file; `None` where there is none.
    ///
    /// # Errors
    /// As [`SettingsFile::load_all`].
    pub fn load(path: &Path) -> Result<Option<Self>, ClusterError> {
        let refused = |why: String| ClusterError::Settings { path: path.to_owned(), why };
        match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(file) if file.len() > MAX_BYTES => {
                return Err(refused(format!("larger than {MAX_BYTES} bytes")));
            }
            _ => {}
        }
        let bytes = fs::read(path).map_err(ClusterError::io("read", path))?;
        let text = String::from_utf8(bytes).map_err(|_| refused("is not UTF-8 text".into()))?;
        let file: Self = toml::from_str(&text).map_err(|e| refused(e.to_string()))?;
        // Wrong quantities are reported with the file that they stand in.
        file.submit.apply(Settings::default()).map_err(|e| refused(e.to_string()))?;
        Ok(Some(file))
    }
}

/// Where the XDG Base Directory Specification puts settings of a user.
fn user_file() -> Option<PathBuf> {
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("hetero2").join(FILE_NAME))
}

impl SubmitSettings {
    /// The settings among these that decide which code a job runs.
    fn code_keys(&self) -> Vec<&'static str> {
        let set = [
            ("env", !self.env.is_empty()),
            ("container", self.container.is_some()),
            ("modules", !self.modules.is_empty()),
            ("extra", !self.extra.is_empty()),
        ];
        set.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
    }

    /// These settings over others.
    ///
    /// # Errors
    /// [`QuantityError`] for a walltime or an amount of memory.
    pub fn apply(&self, over: Settings) -> Result<Settings, QuantityError> {
        let mut settings = over;
        let time = self.time.as_deref().map(parse_walltime).transpose()?;
        let memory = self.mem.as_deref().map(parse_memory).transpose()?;
        let per_cpu = self.mem_per_cpu.as_deref().map(parse_memory).transpose()?;
        let reduce_time = self.reduce_time.as_deref().map(parse_walltime).transpose()?;
        let reduce_memory = self.reduce_mem.as_deref().map(parse_memory).transpose()?;
        for resources in [&mut settings.shard, &mut settings.reduce] {
            replace(&mut resources.partition, &self.partition);
            replace(&mut resources.account, &self.account);
            replace(&mut resources.qos, &self.qos);
            replace(&mut resources.constraint, &self.constraint);
            // The reducer takes after the shards unless it has its own.
            replace(&mut resources.time, &time);
            give_memory(resources, memory, per_cpu);
            replace(&mut resources.cpus, &self.cpus);
        }
        replace(&mut settings.shard.gpus, &self.gpus);
        replace(&mut settings.reduce.partition, &self.reduce_partition);
        replace(&mut settings.reduce.time, &reduce_time);
        give_memory(&mut settings.reduce, reduce_memory, None);
        replace(&mut settings.reduce.cpus, &self.reduce_cpus);
        replace(&mut settings.container, &self.container);
        replace(&mut settings.backend, &self.backend);
        replace(&mut settings.gpu_adapter, &self.gpu_adapter);
        replace(&mut settings.zip, &self.zip);
        replace(&mut settings.scorer, &self.scorer);
        replace(&mut settings.array_limit, &self.array_limit);
        replace(&mut settings.shards_per_task, &self.shards_per_task);
        replace(&mut settings.max_jobs, &self.max_jobs);
        if !self.modules.is_empty() {
            settings.modules.clone_from(&self.modules);
        }
        if !self.extra.is_empty() {
            settings.extra.clone_from(&self.extra);
        }
        settings.requeue = self.requeue.unwrap_or(settings.requeue);
        settings.environment.extend(self.env.clone());
        settings.secrets.extend(self.env_files.clone());
        settings.max_rounds = self.max_rounds.unwrap_or(settings.max_rounds);
        settings.escalation = self.escalation.unwrap_or(settings.escalation);
        Ok(settings)
    }
}

/// Memory of the task or of each core, whichever is said; of both, that of the task.
fn give_memory(resources: &mut Resources, memory: Option<u64>, per_cpu: Option<u64>) {
    if memory.is_some() || per_cpu.is_some() {
        resources.memory_mib = memory;
        resources.memory_per_cpu_mib = if memory.is_some() { None } else { per_cpu };
    }
}

fn replace<T: Clone>(value: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        value.clone_from(new);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> Result<SubmitSettings, toml::de::Error> {
        toml::from_str::<SettingsFile>(text).map(|file| file.submit)
    }

    #[test]
    fn later_settings_go_over_earlier_ones_and_leave_the_rest() {
        let site = read("[submit]\nscheduler = 'slurm'\npartition = 'long'\ntime = '2h'\ncpus = 4\nbackend = 'cpu'\nmodules = ['gcc']\n[submit.env]\nA = '1'").unwrap();
        let own = read("[submit]\npartition = 'short'\nreduce-time = '10m'\nbackend = 'gpu'\ngpu-adapter = '1'\n[submit.env]\nB = '2'")
            .unwrap();
        let settings = own.apply(site.apply(Settings::default()).unwrap()).unwrap();
        assert_eq!(settings.shard.partition.as_deref(), Some("short"));
        assert_eq!(settings.shard.time, Some(Duration::from_secs(7_200)));
        assert_eq!(settings.reduce.time, Some(Duration::from_secs(600)));
        assert_eq!((settings.shard.cpus, settings.reduce.cpus), (Some(4), Some(4)));
        assert_eq!(settings.modules, ["gcc"]);
        assert_eq!(settings.device_options(), ["--backend=gpu", "--gpu-adapter=1"]);
        assert_eq!(settings.environment.len(), 2);
        let per_core = read("[submit]\nmem-per-cpu = '2G'\nrequeue = 'never'").unwrap();
        let per_core = per_core.apply(settings).unwrap();
        assert_eq!(per_core.shard.memory_mib, None);
        assert_eq!(per_core.reduce.memory_of_all_cpus_mib(), Some(8_192));
        assert_eq!(per_core.requeue, Requeue::Never);
        let whole = read("[submit]\nmem = '1G'").unwrap().apply(per_core).unwrap();
        assert_eq!(whole.shard.memory_of_all_cpus_mib(), Some(1_024));
        assert_eq!(site.scheduler, Some(Kind::Slurm));
        // Shards that need a GPU and a reducer that needs none.
        assert_eq!(whole.zip_option(), None);
        let apart = "[submit]\npartition = 'gpu'\nreduce-partition = 'cpu'\nzip = 'never'";
        let apart = read(apart).unwrap().apply(whole).unwrap();
        assert_eq!(apart.shard.partition.as_deref(), Some("gpu"));
        assert_eq!(apart.reduce.partition.as_deref(), Some("cpu"));
        assert_eq!(apart.zip_option().as_deref(), Some("--no-zip"));
    }

    #[test]
    fn settings_of_the_working_directory_run_no_code_unasked() {
        let loaded = |origin, text: &str| LoadedSettings {
            path: FILE_NAME.into(),
            origin,
            settings: read(text).unwrap(),
            run: BTreeMap::new(),
        };
        for (key, text) in [
            ("env", "[submit.env]\nPATH = '/evil'"),
            ("container", "[submit]\ncontainer = '/evil.sif'"),
            ("modules", "[submit]\nmodules = ['/evil']"),
            ("extra", "[submit]\nextra = ['--wrap=evil']"),
        ] {
            let found = loaded(Origin::WorkingDirectory, text);
            let error = found.check(Trust::Resources).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(FILE_NAME), "{error}");
            found.check(Trust::Everything).unwrap();
            loaded(Origin::User, text).check(Trust::Resources).unwrap();
        }
        let plain = "[submit]\npartition = 'long'\ntime = '2h'\ncpus = 4\nbackend = 'cpu'";
        loaded(Origin::WorkingDirectory, plain).check(Trust::Resources).unwrap();
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text| read(text).unwrap_err().to_string();
        assert!(message("[submit]\npartitoin = 'x'").contains("partitoin"));
        assert!(message("[submit]\nscheduler = 'lsf'").contains("lsf"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        fs::write(&path, "[submit]\nmem = 'much'").unwrap();
        let error = SettingsFile::load(&path).unwrap_err().to_string();
        assert!(error.contains("hetero2.toml") && error.contains("much"), "{error}");
        assert!(SettingsFile::load(&folder.path().join("none.toml")).unwrap().is_none());
        fs::write(&path, b"[submit]\npartition = '\xff'").unwrap();
        let error = SettingsFile::load(&path).unwrap_err();
        assert!(matches!(error, ClusterError::Settings { .. }), "{error}");
    }
}
