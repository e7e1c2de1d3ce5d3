package redisbus

import "github.com/redis/rueidis"

const (
	mostEntries = 128     // of a page
	firstPage   = 16      // entries of the first page, whose size is not known
	pageBytes   = 4 << 20 // that a page has, if its entries are as large as those of the page before
)

// A pageSize is the number of entries to read at a time. Redis bounds a page only by its number of
// entries. So it is small in any case, and smaller after large entries: a page has at most
// mostEntries entries, and more than pageBytes only if the entries have become larger since the
// page before. The zero value is ready to use.
type pageSize struct{ large int } // mean size of the entries of the last page

// count returns the number of entries to ask for.
func (p *pageSize) count() int {
	if p.large == 0 {
		return firstPage
	}
	return min(max(pageBytes/p.large, 1), mostEntries)
}

// full reports whether there may be more entries than those that were asked for by count.
func (p *pageSize) full(entries []rueidis.XRangeEntry) bool {
	return len(entries) >= min(p.count(), fullPage)
}

// fullPage is the number of entries from which on a stream that is short may have lost entries
// meanwhile.
const fullPage = 64

// learn notes how large entries are.
func (p *pageSize) learn(entries []rueidis.XRangeEntry) {
	if len(entries) == 0 {
		return
	}
	bytes := 0
	for _, e := range entries {
		for name, value := range e.FieldValues {
			bytes += len(name) + len(value)
		}
	}
	p.large = bytes / len(entries)
}
