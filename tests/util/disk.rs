//! A disk whose power can be cut: ext4 in an image behind a loop device.
//!
//! What a process wrote and did not sync lives in the page cache above the loop device; what reached the image is what a
//! disk would hold that has lost its power (one with a protected cache, the case that is kindest to a program that
//! syncs too little). So a copy of the image, taken while the program is stopped, is the disk after the cut.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A mounted image.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    at: PathBuf,
}

impl Disk {
    /// Makes an empty disk and mounts it; `None` where this may not be done.
    pub fn create(image: &Path, mib: u64, at: &Path) -> Option<Self> {
        let file = std::fs::File::create(image).ok()?;
        file.set_len(mib << 20).ok()?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        Self::mount(image, at)
    }

    /// Mounts an image that is there.
    pub fn mount(image: &Path, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(at))?;
        Some(Self { image: image.to_owned(), at: at.to_owned() })
    }

    /// What the disk holds if its power is cut now. Whoever writes to it must stand still.
    pub fn cut(&self, copy: &Path) {
        run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(copy)).expect("a copy of the image");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if run(Command::new("umount").arg(&self.at)).is_none() {
            let _ = run(Command::new("umount").arg("--lazy").arg(&self.at));
        }
    }
}

fn run(command: &mut Command) -> Option<()> {
    command.output().is_ok_and(|output| output.status.success()).then_some(())
}

/// The method itself: what was synced is there after a cut, and what was only written is not. Without the second half a
/// test that loses nothing would prove nothing.
#[test]
fn a_cut_keeps_what_was_synced_and_loses_what_was_not() {
    let dir = super::Dir::new("disk");
    let (image, left, at) = (dir.join("disk.img"), dir.join("left.img"), dir.join("at"));
    let Some(disk) = Disk::create(&image, 64, &at) else {
        super::skip(
            "a_cut_keeps_what_was_synced_and_loses_what_was_not",
            "no loop device can be mounted here (needs root)",
        );
        return;
    };
    std::fs::write(at.join("written"), vec![1; 100_000]).unwrap();
    std::fs::write(at.join("synced"), vec![2; 100_000]).unwrap();
    std::fs::File::open(at.join("synced")).unwrap().sync_all().unwrap();
    disk.cut(&left);
    drop(disk);
    let disk = Disk::mount(&left, &at).expect("what is left can be mounted");
    assert_eq!(std::fs::read(at.join("synced")).unwrap(), vec![2; 100_000]);
    assert_ne!(std::fs::read(at.join("written")).unwrap_or_default(), vec![1; 100_000]);
    drop(disk);
}
