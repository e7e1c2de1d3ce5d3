package socketio_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// panicking is a value whose encoding panics.
type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("a value that cannot be encoded") }

var _ json.Marshaler = panicking{}

// Values of an Ending whose encoding panics do not keep sockets from ending.
func TestEndingWithValuesThatPanic(t *testing.T) {
	for name, how := range map[string]*socketio.Ending{
		"event":                {Event: "bye", Args: []any{panicking{}}},
		"data":                 {Data: panicking{}},
		"whole":                {Event: "bye", Args: []any{panicking{}}, WholeConnection: true},
		"temporary":            {Event: "bye", Args: []any{panicking{}}, Temporary: true},
		"temporary, and whole": {Data: panicking{}, Temporary: true, WholeConnection: true},
	} {
		for call, end := range map[string]func(f *fixture){
			"Disconnect": func(f *fixture) {
				for _, s := range f.io.Sockets() {
					s.Disconnect(how)
				}
			},
			"DisconnectSockets": func(f *fixture) {
				if err := f.io.DisconnectSockets(how); (err != nil) != (how.Event != "") {
					t.Errorf("%s: DisconnectSockets: %v", name, err)
				}
			},
		} {
			t.Run(name+", "+call, func(t *testing.T) {
				bubble(t, socketio.Options{}, func(io *socketio.Server) { io.Open() }, func(f *fixture) {
					f.dial(sockettest.Options{})
					f.dial(sockettest.Options{})
					end(f)
					synctest.Wait()
					if n := len(f.io.Sockets()); n != 0 {
						t.Errorf("%d sockets are left", n)
					}
				})
			})
		}
	}
}
