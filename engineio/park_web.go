package engineio

import (
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// closingFlags are the fields of http.Server that say that a connection ends after its response:
// SetKeepAlivesEnabled(false) sets the first one, Shutdown and Close the second. No exported name
// shows them. They are nil if this version of net/http has other fields.
var closingFlags = sync.OnceValue(func() (indexes [][]int) {
	for _, name := range []string{"disableKeepAlives", "inShutdown"} {
		field, ok := reflect.TypeFor[http.Server]().FieldByName(name)
		if !ok || field.Type != reflect.TypeFor[atomic.Bool]() {
			return nil
		}
		indexes = append(indexes, field.Index)
	}
	return indexes
})

// endsConnections reports whether web ends each connection after its response. Known is false if
// this version of net/http does not show that.
func endsConnections(web *http.Server) (ends, known bool) {
	flags := closingFlags()
	ends = slices.ContainsFunc(flags, func(index []int) bool {
		return (*atomic.Bool)(reflect.ValueOf(web).Elem().FieldByIndex(index).Addr().UnsafePointer()).Load()
	})
	return ends, flags != nil
}
