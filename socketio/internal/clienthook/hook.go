// Package clienthook gives package sockettest operations that ordinary clients must not use.
// Package socketio/client sets its variables during initialization.
package clienthook

var (
	// SendRaw sends text unchanged as one Engine.IO message on the connection of a
	// *client.Client.
	SendRaw func(client any, text string) error
	// CloseOnly closes a *client.Client without leaving its namespaces, like a page that is
	// closed.
	CloseOnly func(client any)
)
