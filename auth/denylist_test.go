package auth_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
)

// subjectOf returns a block of a subject that lasts for d.
func subjectOf(i int, d time.Duration) auth.Revocation {
	return auth.Revocation{Match: auth.BySubject("https://issuer", fmt.Sprint("subject ", i)), Until: time.Now().Add(d), At: time.Now()}
}

// adds adds entries, and checks whether the list is full.
func adds(t *testing.T, d *auth.MemoryDenylist, full bool, all ...auth.Revocation) {
	t.Helper()
	for _, r := range all {
		if err := d.Add(t.Context(), r); errors.Is(err, auth.ErrDenylistFull) != full || (err != nil) != full {
			t.Errorf("Add(%s): %v, want full: %t", r.Match, err, full)
		}
	}
}

// finds reports whether the list has an entry for a token with these claims.
func finds(t *testing.T, d *auth.MemoryDenylist, claims string) bool {
	t.Helper()
	_, found, err := d.Find(t.Context(), tokenOf(t, claims))
	if err != nil {
		t.Error(err)
	}
	return found
}

// A full list takes no entry until one has ended, and loses none that lasts.
func TestDenylistIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := auth.NewDenylist(auth.DenylistOptions{MaxEntries: 3, MaxClaims: 2})
		adds(t, d, false, subjectOf(1, 3*time.Minute), subjectOf(2, time.Minute), subjectOf(3, time.Hour))
		adds(t, d, true, subjectOf(4, time.Hour))
		adds(t, d, false, subjectOf(2, 30*time.Second), subjectOf(3, -time.Second), subjectOf(9, -time.Second)) // merged, or ended already
		time.Sleep(time.Minute)
		adds(t, d, false, subjectOf(4, time.Hour))
		adds(t, d, true, subjectOf(5, time.Hour))
		for i, want := range []bool{false, true, false, true, true, false} {
			if got := finds(t, d, fmt.Sprintf(`{"iss":"https://issuer","sub":"subject %d"}`, i)); got != want {
				t.Errorf("subject %d is found: %t", i, got)
			}
		}
		if d.Len() != 3 {
			t.Errorf("%d entries", d.Len())
		}
		time.Sleep(2 * time.Hour) // all have ended
		claim := func(name string) auth.Revocation {
			return auth.Revocation{Match: auth.ByClaim(name, "x"), Until: time.Now().Add(time.Minute)}
		}
		adds(t, d, false, claim("a"), claim("b"), claim("a"))
		adds(t, d, true, claim("c"))
		time.Sleep(time.Hour)
		adds(t, d, false, claim("c"))
		if !finds(t, d, `{"c":"x"}`) || finds(t, d, `{"a":"x"}`) || !finds(t, d, `{"c":["y","x"]}`) || finds(t, d, `{"c":"y"}`) {
			t.Error("claims are found wrongly")
		}
		adds(t, d, false, auth.Revocation{Match: auth.BySubject("i", "for ever")})
		time.Sleep(1000 * time.Hour)
		adds(t, d, false, subjectOf(1, time.Hour), subjectOf(2, time.Hour))
		adds(t, d, true, subjectOf(3, time.Hour))
		if !finds(t, d, `{"iss":"i","sub":"for ever"}`) {
			t.Error("an entry without an end was lost")
		}
	})
}

// Entries that have ended stay until their place is needed, so a clock that is set forward and
// back loses none.
func TestDenylistWithAClockThatIsSet(t *testing.T) {
	now := time.Now()
	d := auth.NewDenylist(auth.DenylistOptions{Now: func() time.Time { return now }})
	adds(t, d, false, subjectOf(1, time.Hour))
	now = now.Add(30 * 24 * time.Hour)
	if finds(t, d, `{"iss":"https://issuer","sub":"subject 1"}`) {
		t.Error("it is found after its end")
	}
	adds(t, d, false, auth.Revocation{Match: auth.BySubject("i", "x")})
	now = now.Add(-30 * 24 * time.Hour)
	if !finds(t, d, `{"iss":"https://issuer","sub":"subject 1"}`) {
		t.Error("it was lost")
	}
}

// An entry that is added twice concerns all tokens that either does.
// A time that JSON cannot have is refused, before an entry is in memory.
func TestRevocationTimes(t *testing.T) {
	late := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	good := auth.Revocation{Match: auth.BySubject("i", "ada"), Until: late.Add(-1)}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for i, set := range []func(*auth.Revocation){
		func(r *auth.Revocation) { r.Until = late },
		func(r *auth.Revocation) { r.IssuedBefore = late },
		func(r *auth.Revocation) { r.At = late },
		func(r *auth.Revocation) { r.Until = time.Now().In(time.FixedZone("", 25*3600)) },
	} {
		bad := good
		set(&bad)
		if bad.Check() == nil {
			t.Errorf("%d: no error", i)
		}
	}
}

func TestRevocationMerge(t *testing.T) {
	at := func(s int) time.Time {
		if s == 0 {
			return time.Time{}
		}
		return time.Unix(int64(s), 0)
	}
	entry := func(before, until, made int, reason string) auth.Revocation {
		return auth.Revocation{Match: ada, IssuedBefore: at(before), Until: at(until), At: at(made), Reason: reason}
	}
	for _, c := range []struct{ a, b, want auth.Revocation }{
		{entry(1, 9, 1, "a"), entry(2, 8, 2, "b"), entry(2, 9, 2, "b")},
		{entry(3, 8, 1, "a"), entry(2, 9, 2, ""), entry(3, 9, 2, "a")},
		{entry(0, 0, 1, "a"), entry(0, 9, 2, "b"), entry(0, 0, 2, "b")},
	} {
		ab, ba := c.a.Merge(c.b), c.b.Merge(c.a)
		if ab != c.want || ba != c.want || ab.Merge(c.a) != ab || ab.Merge(c.b) != ab {
			t.Errorf("%+v and %+v: %+v, %+v", c.a, c.b, ab, ba)
		}
	}
	if entry(0, 1, 1, "").ID() == entry(1, 1, 1, "").ID() {
		t.Error("a block and a revocation have the same ID")
	}
}

// List returns each entry that lasts once, in the order of IDs, also while entries come and go.
func TestDenylistList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := auth.NewDenylist(auth.DenylistOptions{})
		for i := range 95 {
			adds(t, d, false, subjectOf(i, time.Hour))
		}
		adds(t, d, false, subjectOf(1000, time.Second), auth.Revocation{Match: auth.BySubject("https://issuer", "subject 1"), IssuedBefore: time.Now()})
		time.Sleep(time.Minute)
		var ids []string
		for after := ""; ; {
			page, err := d.List(t.Context(), after, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				ids = append(ids, r.ID())
			}
			if len(page) < 10 {
				break
			}
			after = ids[len(ids)-1]
			adds(t, d, false, auth.Revocation{Match: auth.BySubject("", "before all others"), At: time.Now()})
		}
		if len(ids) != 96 || !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != 96 || strings.Contains(strings.Join(ids, " "), "1000") {
			t.Errorf("%d IDs: %q", len(ids), ids)
		}
		if _, err := d.List(t.Context(), "", 0); err == nil {
			t.Error("a page of 0 entries")
		}
	})
}

// An entry with a short subject takes a bounded amount of memory.
func TestDenylistMemory(t *testing.T) {
	const n = 100_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	d := auth.NewDenylist(auth.DenylistOptions{})
	for i := range n {
		adds(t, d, false, subjectOf(i, time.Hour))
	}
	each := (heap() - before) / n
	t.Logf("%d bytes for each entry", each)
	if each > 700 {
		t.Errorf("%d bytes for each entry, want at most 700", each)
	}
	runtime.KeepAlive(d)
}

func BenchmarkDenylistFind(b *testing.B) {
	tok := tokenOf(b, `{"iss":"https://issuer","sub":"ada","jti":"7","sid":"s","groups":["a","b"],"tenant":"acme"}`)
	for _, entries := range []int{0, 100_000} {
		for _, claims := range []bool{false, true} {
			d := auth.NewDenylist(auth.DenylistOptions{MaxEntries: 200_000})
			for i := range entries {
				_ = d.Add(b.Context(), subjectOf(i, time.Hour))
			}
			if claims {
				_ = d.Add(b.Context(), auth.Revocation{Match: auth.ByClaim("groups", "c")})
			}
			b.Run(fmt.Sprintf("entries=%d/claims=%t", entries, claims), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, found, _ := d.Find(b.Context(), tok); found {
						b.Fatal("found")
					}
				}
			})
		}
	}
}
