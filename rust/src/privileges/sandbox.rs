//! What a process can reach: files, by Landlock, and system calls, by seccomp. Where the system has neither, nothing is
//! limited, and the functions tell so.

use std::path::PathBuf;

/// The files that a sandbox leaves within reach. A folder stands for all that is in it. Paths that do not exist are left
/// out.
#[derive(Debug, Default)]
pub struct Paths {
    /// Files to read.
    pub reads: Vec<PathBuf>,
    /// Folders and files to read and write. In folders, files can be made, renamed and removed.
    pub writes: Vec<PathBuf>,
    /// Devices, such as terminals, to read and write and to control.
    pub devices: Vec<PathBuf>,
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use landlock::{
        ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
        make_bitflags, path_beneath_rules,
    };
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    use super::Paths;

    /// The newest version of Landlock whose rights are asked for: that of Linux 6.10. Older kernels limit less.
    const VERSION: ABI = ABI::V5;
    const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    /// What it takes to write files, to begin new ones and to remove the oldest.
    const WRITE: BitFlags<AccessFs> =
        make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | Refer});
    const CONTROL: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | IoctlDev});

    /// Limits the files that threads can reach to some paths. Descriptors that are open already are not affected.
    #[derive(Debug)]
    pub struct Sandbox(RulesetCreated);

    impl Sandbox {
        /// Prepares a sandbox that leaves only these paths within reach. `None` if the kernel has no Landlock.
        pub fn new(paths: &Paths) -> io::Result<Option<Self>> {
            // Without Landlock the library would make a sandbox that holds nobody.
            if !is_supported() {
                return Ok(None);
            }
            let ruleset = Ruleset::default().handle_access(AccessFs::from_all(VERSION)).and_then(Ruleset::create);
            let mut ruleset = ruleset.map_err(io::Error::other)?;
            let rules = path_beneath_rules(&paths.reads, READ)
                .chain(path_beneath_rules(&paths.writes, WRITE))
                .chain(path_beneath_rules(&paths.devices, CONTROL));
            for rule in rules.flatten() {
                // The kernel refuses rules for what is in no folder, such as a pipe. It needs none: it is open already.
                let _ = (&mut ruleset).add_rule(rule);
            }
            Ok(Some(Self(ruleset)))
        }

        /// Puts the calling thread into the sandbox, and all threads and processes that it starts later.
        pub fn restrict_thread(&self) -> io::Result<()> {
            let status = self.0.try_clone()?.restrict_self().map_err(io::Error::other)?;
            match status.ruleset {
                RulesetStatus::NotEnforced => Err(io::Error::other("Landlock does not hold")),
                _ => Ok(()),
            }
        }
    }

    /// True if the kernel has Landlock and it is enabled.
    fn is_supported() -> bool {
        const ASK_VERSION: libc::c_ulong = 1;
        // SAFETY: without attributes, the call returns the version and touches nothing (landlock_create_ruleset(2)).
        let version = unsafe {
            libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, ASK_VERSION)
        };
        version > 0
    }

    /// System calls that netmon never makes once it has started, and that attacks on a kernel begin with.
    const DENIED: [libc::c_long; 53] = [
        libc::SYS_acct,
        libc::SYS_add_key,
        libc::SYS_bpf,
        libc::SYS_chroot,
        libc::SYS_clock_adjtime,
        libc::SYS_clock_settime,
        libc::SYS_delete_module,
        libc::SYS_fanotify_init,
        libc::SYS_finit_module,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fsopen,
        libc::SYS_fspick,
        libc::SYS_init_module,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_io_uring_setup,
        libc::SYS_kcmp,
        libc::SYS_kexec_file_load,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_lookup_dcookie,
        libc::SYS_mbind,
        libc::SYS_migrate_pages,
        libc::SYS_mount,
        libc::SYS_mount_setattr,
        libc::SYS_move_mount,
        libc::SYS_move_pages,
        libc::SYS_name_to_handle_at,
        libc::SYS_nfsservctl,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_perf_event_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pivot_root,
        libc::SYS_process_madvise,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_quotactl,
        libc::SYS_quotactl_fd,
        libc::SYS_reboot,
        libc::SYS_request_key,
        libc::SYS_setdomainname,
        libc::SYS_sethostname,
        libc::SYS_setns,
        libc::SYS_settimeofday,
        libc::SYS_swapoff,
        libc::SYS_swapon,
        libc::SYS_syslog,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
    ];

    /// Denies dangerous system calls to all threads, which must have [`no_new_rights`](crate::privileges::no_new_rights)
    /// set: the calls fail with EPERM. False if the system has no seccomp, or runs on another kind of processor.
    pub fn deny_system_calls() -> io::Result<bool> {
        let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(false) };
        let rules = DENIED.map(|number| (number, Vec::new())).into_iter().collect();
        let answer = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, target).map_err(io::Error::other)?;
        let program = BpfProgram::try_from(filter).map_err(io::Error::other)?;
        match seccompiler::apply_filter_all_threads(&program) {
            Ok(()) => Ok(true),
            // The kernel is built without seccomp.
            Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
            {
                Ok(false)
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use super::Paths;

    /// There is no sandbox on this system.
    #[derive(Debug)]
    pub enum Sandbox {}

    impl Sandbox {
        /// Nothing can be limited: returns `None`.
        pub fn new(_paths: &Paths) -> io::Result<Option<Self>> {
            Ok(None)
        }

        /// Is never called.
        pub fn restrict_thread(&self) -> io::Result<()> {
            match *self {}
        }
    }

    /// Nothing can be denied: returns false.
    pub fn deny_system_calls() -> io::Result<bool> {
        Ok(false)
    }
}

pub use system::{Sandbox, deny_system_calls};
