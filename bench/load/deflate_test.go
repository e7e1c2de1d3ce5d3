package load

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// Broadcasts that are not compressed are not counted, and a server that does not accept the extension has no figure.
func TestDeflate(t *testing.T) {
	for name, test := range map[string]struct {
		accept, compress bool
		want             string
	}{
		"compressed":     {true, true, ""},
		"not compressed": {true, false, "did not arrive"},
		"not accepted":   {false, false, "did not accept"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				extension := wsflate.Extension{Parameters: wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}
				upgrader := ws.HTTPUpgrader{}
				if test.accept {
					upgrader.Negotiate = extension.Negotiate
				}
				c, _, _, err := upgrader.Upgrade(r, w)
				if err != nil {
					return
				}
				defer c.Close()
				serve(c, func(packet string) []string {
					if !strings.HasPrefix(packet, "42") {
						return []string{welcome}
					}
					f := ws.NewTextFrame([]byte(packet))
					if test.compress {
						f, err = wsflate.CompressFrame(f)
					}
					if err == nil {
						err = ws.WriteFrame(c, f)
					}
					if err != nil {
						t.Error(err)
					}
					return nil
				})
			}))
			defer s.Close()
			c := Config{Deflate: true, Address: s.Listener.Addr().String(), PID: os.Getpid(), Count: 1, Rate: 100, Messages: 3, Padding: 3000, Patience: 5 * time.Second}
			if test.want != "" {
				c.Patience = 50 * time.Millisecond
			}
			run(t, c, Broadcast, test.want)
		})
	}
}
