package load

import (
	"fmt"
	"net/http"
	"strings"
)

// browserHeaders returns what a browser adds to a WebSocket request for a page of the server's own origin, some 1.5 KB, most of it
// cookies. The cookies are different for each connection, as they are in life, so that no server can share them.
func browserHeaders(host string, i int) http.Header {
	id := fmt.Sprintf("%08x", uint32(i)*2654435761)
	cookies := []string{
		"sid=s%3A" + strings.Repeat(id, 8),
		"csrf=" + strings.Repeat(id, 4),
		"_consent=analytics%3Dtrue%26ads%3Dfalse%26version%3D7%26time%3D1735689600",
		"_visitor=" + id + "." + id + ".1735689600.12.1.1735776000.0.0.0",
		"theme=dark", "locale=en-GB", "tz=Europe%2FLondon",
		"experiments=" + strings.Repeat("variant-"+id+"%2C", 28),
		"last=%2Frooms%2F" + id + "%2Fmessages%3Fpage%3D3",
		"_track=" + strings.Repeat(id, 16),
	}
	return http.Header{
		"Origin":                   {"http://" + host},
		"User-Agent":               {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"},
		"Accept":                   {"*/*"},
		"Accept-Encoding":          {"gzip, deflate, br, zstd"},
		"Accept-Language":          {"en-GB,en;q=0.9,en-US;q=0.8,de;q=0.7,fr;q=0.6"},
		"Cache-Control":            {"no-cache"},
		"Pragma":                   {"no-cache"},
		"Cookie":                   {strings.Join(cookies, "; ")},
		"Sec-Fetch-Dest":           {"websocket"},
		"Sec-Fetch-Mode":           {"websocket"},
		"Sec-Fetch-Site":           {"same-origin"},
		"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"},
	}
}
