//! Names of pods, from the files that the kubelet and container runtimes keep for each pod or container. A name is used
//! only if it is the only one.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::cgroup::Container;
use super::proc::beginning;

/// Folders of pods that are looked at. A node has some hundred pods.
const MAX_PODS: usize = 4096;
/// Bytes of the description of a container. A real one has some 20 kB.
const MAX_CONFIG: u64 = 1 << 20;
/// The longest name in Kubernetes (RFC 1123).
const MAX_NAME: usize = 253;

/// Files in which a runtime describes a container, `ID` being that of the container: where the labels are, and which
/// labels have the names of the pod and of its namespace.
const CONFIGS: [(&str, &[&str], [&str; 2]); 3] = [
    (
        "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json",
        &["annotations"],
        ["io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.sandbox-namespace"],
    ),
    (
        "run/containers/storage/overlay-containers/ID/userdata/config.json",
        &["annotations"],
        ["io.kubernetes.pod.name", "io.kubernetes.pod.namespace"],
    ),
    (
        "var/lib/docker/containers/ID/config.v2.json",
        &["Config", "Labels"],
        ["io.kubernetes.pod.name", "io.kubernetes.pod.namespace"],
    ),
];

/// Where the files are.
#[derive(Debug)]
pub struct Runtime {
    root: PathBuf,
}

impl Runtime {
    /// Reads the files below `root`, which is `/` but in tests.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the names of the pod of a container and of its namespace; `None` if they are not known for sure.
    pub fn pod(&self, container: &Container) -> Option<(String, String)> {
        container.pod.as_ref().and_then(|uid| self.by_folder(uid)).or_else(|| self.by_config(&container.id))
    }

    /// The kubelet keeps the logs of a pod in `/var/log/pods/NAMESPACE_NAME_UID`.
    fn by_folder(&self, uid: &str) -> Option<(String, String)> {
        let folders = fs::read_dir(self.root.join("var/log/pods")).ok()?.flatten().take(MAX_PODS);
        let mut names = folders.filter_map(|folder| folder.file_name().into_string().ok());
        let mut found = names.by_ref().filter_map(|name| {
            let (namespace, name) = name.strip_suffix(uid)?.strip_suffix('_')?.split_once('_')?;
            (is_name(name) && is_name(namespace)).then(|| (name.to_owned(), namespace.to_owned()))
        });
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn by_config(&self, id: &str) -> Option<(String, String)> {
        // The id is part of a path.
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        CONFIGS.iter().find_map(|(path, place, labels)| {
            let bytes = beginning(&self.root.join(path.replace("ID", id)), MAX_CONFIG)?;
            let config: Value = serde_json::from_slice(&bytes).ok()?;
            let labels_of = place.iter().try_fold(&config, |value, key| value.get(key))?;
            let [name, namespace] = labels.map(|label| labels_of.get(label).and_then(Value::as_str));
            let (name, namespace) = name.zip(namespace)?;
            (is_name(name) && is_name(namespace)).then(|| (name.to_owned(), namespace.to_owned()))
        })
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "8f6d0c5e-1b2a-4c3d-9e8f-7a6b5c4d3e2f";

    struct Root(PathBuf);

    impl Root {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("netmon-{}-{name}", std::process::id()));
            fs::create_dir_all(&root).unwrap();
            Self(root)
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn pod(&self, uid: Option<&str>) -> Option<(String, String)> {
            let container = Container { id: ID.into(), pod: uid.map(Into::into) };
            Runtime::new(&self.0).pod(&container)
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn names(name: &str, namespace: &str) -> (String, String) {
        (name.into(), namespace.into())
    }

    #[test]
    fn the_folder_of_its_logs_names_a_pod_if_it_is_the_only_one() {
        let root = Root::new("folders");
        assert_eq!(root.pod(Some(UID)), None);
        root.write(&format!("var/log/pods/shop_cart-7d4_{UID}/cart/0.log"), "");
        root.write("var/log/pods/kube-system_dns_00000000-1b2a-4c3d-9e8f-7a6b5c4d3e2f/dns/0.log", "");
        assert_eq!(root.pod(Some(UID)), Some(names("cart-7d4", "shop")));
        assert_eq!(root.pod(None), None);
        root.write(&format!("var/log/pods/other_cart_{UID}/cart/0.log"), "");
        assert_eq!(root.pod(Some(UID)), None, "two pods have the same uid");
    }

    #[test]
    fn the_description_of_a_container_names_its_pod() {
        for (at, (path, place, [name, namespace])) in CONFIGS.into_iter().enumerate() {
            let root = Root::new(&format!("config-{at}"));
            let labels = serde_json::json!({name: "cart-7d4", namespace: "shop"});
            let config = place.iter().rev().fold(labels, |value, key| serde_json::json!({*key: value}));
            root.write(&path.replace("ID", ID), &config.to_string());
            assert_eq!(root.pod(None), Some(names("cart-7d4", "shop")), "{path}");
            assert_eq!(root.pod(Some(UID)), Some(names("cart-7d4", "shop")), "{path}");
        }
    }

    #[test]
    fn a_description_that_is_no_json_or_has_odd_names_names_no_pod() {
        let root = Root::new("odd");
        let path = CONFIGS[0].0.replace("ID", ID);
        let odd =
            r#"{"annotations":{"io.kubernetes.cri.sandbox-name":"../x","io.kubernetes.cri.sandbox-namespace":"a"}}"#;
        for text in ["", "{", "[]", "7", odd, r#"{"annotations":{"io.kubernetes.cri.sandbox-name":"x"}}"#] {
            root.write(&path, text);
            assert_eq!(root.pod(None), None, "{text}");
        }
    }
}
