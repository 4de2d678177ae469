//! How what is stored is cut so that it fills pages of redb. Pure, no I/O.

/// The largest row that fills a page of 64 KiB, in bytes: with redb's own overhead (a row of 65,400
/// bytes takes 1.00 of its size, one of 65,600 takes 2.0). Plain rows that hold more than one
/// entry have no more.
pub(crate) const MAX_SHARED_ROW_BYTES: usize = 65_400;

/// redb's pages, and what such a page needs besides a row at most.
const SMALLEST_PAGE_BYTES: usize = 4096;
const LARGEST_PAGE_BYTES: usize = 1 << 16;
const PAGE_OVERHEAD_BYTES: usize = LARGEST_PAGE_BYTES - MAX_SHARED_ROW_BYTES;

/// How bytes are cut into chunks, `most` at most: each but the last fills a page, and the last most of one. The headers
/// are what the first row and the others have besides.
pub(crate) fn chunk_lens(mut rest: usize, most: usize, headers: [usize; 2]) -> Vec<usize> {
    let mut lens = Vec::new();
    let most = most.min(usize::from(u16::MAX));
    let [mut header, next] = headers;
    loop {
        let row = header + rest;
        let page = (row + PAGE_OVERHEAD_BYTES).next_power_of_two();
        let fills = page <= LARGEST_PAGE_BYTES && row >= page / 8 * 7;
        if fills || page <= SMALLEST_PAGE_BYTES || lens.len() + 1 >= most {
            lens.push(rest);
            return lens;
        }
        let chunk = (page / 2).min(LARGEST_PAGE_BYTES) - PAGE_OVERHEAD_BYTES - header;
        lens.push(chunk);
        rest -= chunk;
        header = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_add_up_and_fill_their_pages(len in 0..2_000_000_usize, most in 1..50_usize, headers in [0..90_usize, 0..90_usize]) {
            let lens = chunk_lens(len, most, headers);
            prop_assert_eq!(lens.iter().sum::<usize>(), len);
            prop_assert!(lens.len() <= most);
            if lens.len() < most {
                let last = lens.len() - 1;
                for (at, len) in lens.iter().enumerate() {
                    let row = len + headers[at.min(1)];
                    let page = (row + PAGE_OVERHEAD_BYTES).next_power_of_two();
                    prop_assert!(page <= LARGEST_PAGE_BYTES);
                    let filled = row + PAGE_OVERHEAD_BYTES == page || row >= page / 8 * 7;
                    prop_assert!(filled || (at == last && page <= SMALLEST_PAGE_BYTES));
                }
            }
        }
    }
}
