//! Where data may come from, and what the generated images are like.

use nasc_data::{DAMAGED, MISSING, Pixels, generated, open, open_prefix, table};
use std::fs;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn paths_are_found_under_roots_and_never_outside() -> Outcome {
    let dir = tempfile::tempdir()?;
    let (first, second) = (dir.path().join("first"), dir.path().join("data"));
    fs::create_dir_all(&first)?;
    fs::create_dir_all(second.join("mnist"))?;
    fs::write(second.join("mnist/t10k-images-idx3-ubyte"), b"")?;
    fs::write(dir.path().join("secret.csv"), "a\n1\n")?;
    let roots = [first.clone(), second.clone()];
    assert!(open(&roots, "mnist")?.is_dir());
    assert!(open(&roots, "./data/mnist")?.is_dir());
    assert!(open_prefix(&roots, "data/mnist/t10k").is_ok());
    assert!(open(&roots, "data/mnist/t10k").is_err());
    let fault = open(&roots, "minst").err().ok_or("found")?;
    assert!(
        fault.code == MISSING
            && fault.help.contains("did you mean `mnist`?")
            && fault.help.contains("first"),
        "{fault}"
    );
    for bad in [
        "../secret.csv",
        "/etc/passwd",
        "a/../../secret.csv",
        "",
        "x\0y",
    ] {
        assert!(open(&roots, bad).is_err(), "{bad}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.path().join("secret.csv"), first.join("link.csv"))?;
        assert!(open(&roots, "link.csv").is_err_and(|f| f.message.contains("leads out")));
        std::os::unix::fs::symlink(second.join("mnist"), first.join("inside"))?;
        assert!(open(&roots, "inside").is_ok());
        let socket = std::os::unix::net::UnixListener::bind(first.join("socket.csv"))?;
        assert!(open(&roots, "socket.csv").is_err());
        assert!(table(&nasc_data::Place::bare(first.join("socket.csv"))).is_err());
        drop(socket);
    }
    Ok(())
}

#[test]
fn generated_images_depend_on_seed_and_index_only() -> Outcome {
    let (few, many) = (generated(30, 10, 16, 3, 5)?, generated(100, 10, 16, 3, 5)?);
    let (Pixels::U8(a), Pixels::U8(b)) = (&few.pixels, &many.pixels) else {
        return Err("no bytes".into());
    };
    assert_eq!(a[..], b[..a.len()]);
    assert_eq!(
        few.labels.as_deref(),
        many.labels.as_deref().map(|l| &l[..30])
    );
    assert_ne!(generated(30, 10, 16, 3, 6)?.pixels, few.pixels);
    assert_ne!(few.digest, many.digest);
    let mut counts = [0; 10];
    many.labels
        .iter()
        .flatten()
        .for_each(|l| counts[*l as usize] += 1);
    assert_eq!(counts, [10; 10]);
    assert_eq!(generated(64, 25, 12, 1, 0)?.classes[21], "3 x square");
    for (classes, side, channels) in [(0, 16, 3), (10, 0, 3), (10, 16, 0), (10, 1 << 20, 3)] {
        assert!(generated(1, classes, side, channels, 0).is_err_and(|f| f.code == DAMAGED));
    }
    assert!(generated(usize::MAX, 10, 16, 3, 0).is_err());
    let start = std::time::Instant::now();
    generated(10_000, 10, 16, 3, 1)?;
    println!("10,000 pictures in {:?}", start.elapsed());
    Ok(())
}
