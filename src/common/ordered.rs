//! Work on the parts of a whole side by side, whose results are taken in order.
//! Knows nothing of what parts are.

use rayon::prelude::*;

/// Most parts that are worked on at once: memory grows with them.
const MOST_PARTS: usize = 32;

/// Works on parts on all threads of the pool and takes what comes of them one
/// after the other, while the next parts are worked on. Twice as many results as
/// there are threads are held, and at most 64.
///
/// # Errors
/// The error of the first part, in order, that has one.
pub fn in_order<P: Send, T: Send, E: Send>(
    mut parts: impl Iterator<Item = Result<P, E>> + Send,
    work: impl Fn(P) -> Result<T, E> + Sync,
    mut take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    let at_once = rayon::current_num_threads().min(MOST_PARTS);
    let mut waiting: Vec<Result<T, E>> = Vec::new();
    loop {
        let next = || {
            let parts: Vec<_> = parts.by_ref().take(at_once).collect();
            parts.into_par_iter().map(|part| part.and_then(&work)).collect::<Vec<_>>()
        };
        let taken = || waiting.drain(..).try_for_each(|result| take(result?));
        let (next, taken) = rayon::join(next, taken);
        taken?;
        if next.is_empty() {
            return Ok(());
        }
        waiting = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn results_come_in_the_order_of_the_parts() {
        for threads in [1, 3, 40] {
            for count in [0, 1, 2, 3, 100] {
                let mut found = Vec::new();
                let parts = (0..count).map(Ok::<u32, ()>);
                let work = |part| {
                    std::thread::sleep(std::time::Duration::from_micros(u64::from(part * 37 % 50)));
                    Ok(part * part)
                };
                let take = |result| {
                    found.push(result);
                    Ok(())
                };
                on_threads(threads, || in_order(parts, work, take)).unwrap();
                assert_eq!(found, (0..count).map(|part| part * part).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_first_error_in_order_is_told_and_nothing_is_taken_after_it() {
        for threads in [1, 4] {
            let mut found = Vec::new();
            let parts = (0..50).map(|part| if part == 31 { Err("part 31") } else { Ok(part) });
            let work = |part| if part == 33 { Err("work 33") } else { Ok(part) };
            let take = |result| {
                found.push(result);
                Ok(())
            };
            let told = on_threads(threads, || in_order(parts, work, take));
            assert_eq!(told, Err("part 31"));
            assert_eq!(found, (0..31).collect::<Vec<_>>());
            let told = on_threads(threads, || in_order((0..9).map(Ok), Ok, |_: u32| Err("take")));
            assert_eq!(told, Err("take"));
        }
    }
}
