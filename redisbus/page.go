package redisbus

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// page returns the first entries of a stream after one ID and up to another. If the entry with the first ID
// is not there any more, entries may be missing, and gone describes the stream. Otherwise it is nil.
func page(ctx context.Context, conn rueidis.DedicatedClient, stream, after, until string, count int) (entries []rueidis.XRangeEntry, gone *info, err error) {
	// If the entry after is still there, so are all later ones.
	entries, err = conn.Do(ctx, conn.B().Xrange().Key(stream).Start(after).End(until).Count(int64(count)+1).Build()).AsXRange()
	if err != nil {
		return nil, nil, err
	}
	if len(entries) > 0 && entries[0].ID == after {
		return entries[1:], nil, nil
	}
	now, err := streamInfo(ctx, conn, stream)
	return entries, &now, err
}

// info describes a stream.
type info struct {
	first, last string // the first ID that is there, or else the last ID; and the last ID
	removed     int64  // number of entries that are not there any more
}

// streamInfo describes a stream. Its max-deleted-entry-id is of no use: Redis does not count entries
// that were trimmed.
func streamInfo(ctx context.Context, conn rueidis.DedicatedClient, stream string) (info, error) {
	members, err := conn.Do(ctx, conn.B().XinfoStream().Key(stream).Build()).AsMap()
	if refusal, ok := rueidis.IsRedisErr(err); ok && strings.Contains(refusal.Error(), "no such key") {
		return info{first: noEntry, last: noEntry}, nil
	}
	if err != nil {
		return info{}, err
	}
	added, length := members["entries-added"], members["length"]
	first, last := members["recorded-first-entry-id"], members["last-generated-id"]
	var i info
	var total, left int64
	for _, m := range []struct {
		value rueidis.RedisMessage
		text  *string
		n     *int64
	}{{value: first, text: &i.first}, {value: last, text: &i.last}, {value: added, n: &total}, {value: length, n: &left}} {
		if m.text != nil {
			*m.text, err = m.value.ToString()
		} else {
			*m.n, err = m.value.AsInt64()
		}
		if err != nil {
			return info{}, err
		}
	}
	if left == 0 {
		i.first = i.last
	}
	i.removed = total - left
	return i, nil
}

// runID returns the run ID of the server of a connection.
func runID(ctx context.Context, conn rueidis.DedicatedClient) (string, error) {
	text, err := conn.Do(ctx, conn.B().Info().Section("server").Build()).ToString()
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(text, "run_id:")
	id, _, _ := strings.Cut(rest, "\r\n")
	if !ok || id == "" {
		return "", fmt.Errorf("redisbus: INFO of Redis has no run_id")
	}
	return id, nil
}
