// Package clienthook lets package sockettest do what a client must not: package
// socketio/client sets these variables when it is initialized.
package clienthook

var (
	// SendRaw sends a text as it is, as one Engine.IO message, by the connection of a
	// *client.Client.
	SendRaw func(client any, text string) error
	// Hangup closes a *client.Client without leaving its namespaces, as a page that is
	// closed does.
	Hangup func(client any)
)
