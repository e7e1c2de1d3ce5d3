package redisbus

import "github.com/redis/rueidis"

const (
	mostEntries = 128     // of a page
	firstPage   = 16      // entries of the first page, whose size is not known
	pageBytes   = 4 << 20 // that a page has, if its entries are as large as those of the page before
)

// A pageSize decides how many entries to read at a time. Redis bounds a page only by its number of
// entries, so the number depends on the size of those before: a page has at most mostEntries
// entries, and more than pageBytes only if the entries have become larger since the page before. The
// zero value is ready to use.
type pageSize struct{ mean int } // size of an entry of the last page; zero before the first page

// count returns the number of entries to ask for.
func (p *pageSize) count() int {
	if p.mean == 0 {
		return firstPage
	}
	return min(max(pageBytes/p.mean, 1), mostEntries)
}

// full reports whether the stream may have more entries than these, which are the result of a read of
// count entries, or may have lost some before them.
func (p *pageSize) full(entries []rueidis.XRangeEntry) bool {
	return len(entries) >= min(p.count(), fullPage)
}

// fullPage is the number of entries that arrive together from which on a short stream may have lost
// entries before them.
const fullPage = 64

// learn notes the size of entries.
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
	p.mean = bytes / len(entries)
}
