//! Container ids in the paths of cgroups, as container runtimes name them. Pure.

/// Digits of the id of a container: those of a SHA-256.
const ID: usize = 64;
/// The longest name of a container that is named instead.
const MAX_NAME: usize = 64;

/// A container, as the path of its cgroup tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its id; the name of one of systemd-nspawn or LXC.
    pub id: String,
    /// The uid of its Kubernetes pod.
    pub pod: Option<String>,
}

/// Reads `/proc/PID/cgroup`. `None` if the process is in no container, or if its lines disagree.
pub fn container(text: &str) -> Option<Container> {
    let mut found = text.lines().filter_map(|line| of_path(line.splitn(3, ':').nth(2)?));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// The innermost container of a path.
fn of_path(path: &str) -> Option<Container> {
    let parts: Vec<&str> = path.split('/').collect();
    let id = (0..parts.len()).rev().find_map(|at| hashed(parts[at]).or_else(|| named(&parts[..=at])))?;
    Some(Container { id, pod: parts.iter().rev().find_map(|part| pod(part)) })
}

/// `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope`, or the id alone. A monitor that a
/// runtime starts beside a container, such as `libpod-conmon-ID.scope`, is none.
fn hashed(part: &str) -> Option<String> {
    let unit = part.strip_suffix(".scope").or_else(|| part.strip_suffix(".service")).unwrap_or(part);
    let (runtime, id) = unit.rsplit_once(['-', ':']).unwrap_or(("", unit));
    let is_id = id.len() == ID && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_id && !runtime.contains("conmon")).then(|| id.to_owned())
}

/// `machine-NAME.scope` and `systemd-nspawn@NAME.service` below `machine.slice`, `lxc.payload.NAME`, and `lxc/NAME`.
fn named(parts: &[&str]) -> Option<String> {
    let (part, above) = parts.split_last()?;
    let name = match above.last() {
        Some(&"machine.slice") => part
            .strip_prefix("systemd-nspawn@")
            .and_then(|name| name.strip_suffix(".service"))
            .or_else(|| part.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope"))),
        Some(&("lxc" | "lxc.payload")) => Some(*part),
        _ => part.strip_prefix("lxc.payload."),
    };
    let name = name?.replace("\\x2d", "-");
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_plain && (1..=MAX_NAME).contains(&name.len())).then_some(name)
}

/// The uid in `podUID` or `kubepods-burstable-podUID.slice`. systemd has `_` for its dashes. A static pod has a hash.
fn pod(part: &str) -> Option<String> {
    let unit = part.split_once(".slice").map_or(part, |(unit, _)| unit);
    let uid = unit.strip_prefix("pod").or_else(|| Some(unit.strip_prefix("kubepods")?.split_once("-pod")?.1))?;
    let uid = uid.replace('_', "-");
    let is_uid = matches!(uid.len(), 32 | 36) && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uid.then_some(uid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "8f6d0c5e-1b2a-4c3d-9e8f-7a6b5c4d3e2f";

    fn found(path: &str) -> Option<(String, String)> {
        let path = path.replace("HASH", HASH).replace("SYSTEMD_UID", &UID.replace('-', "_")).replace("UID", UID);
        let container = container(&format!("0::{path}\n"))?;
        Some((container.id.replace(HASH, "HASH"), container.pod.unwrap_or_default().replace(UID, "UID")))
    }

    #[test]
    fn each_runtime_names_the_cgroups_of_containers_in_its_own_way() {
        let table = [
            ("/docker/HASH", "HASH", ""),
            ("/system.slice/docker-HASH.scope", "HASH", ""),
            ("/system.slice/docker-HASH.scope/init.scope", "HASH", ""),
            ("/machine.slice/libpod-HASH.scope", "HASH", ""),
            ("/machine.slice/libpod-HASH.scope/container", "HASH", ""),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-HASH.scope", "HASH", ""),
            ("/libpod_parent/HASH", "HASH", ""),
            ("/default/HASH", "HASH", ""),
            ("/system.slice/nerdctl-HASH.scope", "HASH", ""),
            ("/ecs/0123/HASH", "HASH", ""),
            ("/kubepods/burstable/podUID/HASH", "HASH", "UID"),
            ("/kubepods/podUID/HASH", "HASH", "UID"),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSYSTEMD_UID.slice/cri-containerd-HASH.scope",
                "HASH",
                "UID",
            ),
            ("/kubepods.slice/kubepods-podSYSTEMD_UID.slice/crio-HASH.scope", "HASH", "UID"),
            (
                "/system.slice/containerd.service/kubepods-besteffort-podSYSTEMD_UID.slice:cri-containerd:HASH",
                "HASH",
                "UID",
            ),
            ("/machine.slice/systemd-nspawn@web.service/payload", "web", ""),
            ("/machine.slice/machine-my\\x2dweb.scope", "my-web", ""),
            ("/lxc.payload.web/system.slice/nginx.service", "web", ""),
            ("/lxc/web", "web", ""),
        ];
        for (path, id, pod) in table {
            assert_eq!(found(path), Some((id.into(), pod.into())), "{path}");
        }
    }

    #[test]
    fn what_is_no_container_has_no_id() {
        for path in [
            "/",
            "/system.slice/nginx.service",
            "/user.slice/user-1000.slice/session-2.scope",
            "/machine.slice/libpod-conmon-HASH.scope",
            "/system.slice/docker-HASH0.scope",
            "/docker/0123456789ab",
            "/machine.slice/machine-a b.scope",
            "/lxc/",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn hierarchies_that_disagree_name_no_container() {
        let other = HASH.replace('0', "f");
        assert_eq!(container(&format!("2:cpu:/docker/{HASH}\n0::/docker/{other}\n")), None);
        let one = container(&format!("9:name=systemd:/docker/{HASH}\n1:cpu:/\n0::/docker/{HASH}\n"));
        assert_eq!(one.unwrap().id, HASH);
        assert_eq!(container(""), None);
        assert_eq!(container("0:"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_cgroups_panic(text: String) {
            let _ = container(&text);
            let _ = container(&format!("0::/{text}/pod{text}"));
        }
    }
}
