// Package msgpack converts between the MessagePack that Node's adapters write and the form in
// which package socketio carries values: JSON text in which placeholders stand for binary
// attachments. Both directions take one pass, without values in between.
//
// Messages of other nodes are untrusted input: depth and size are bounded, malformed input is an
// error, and lengths in the input never determine how much memory is allocated.
//
//	value, attachments, err := msgpack.Decode(payload)
//	payload, err = msgpack.Append(nil, value, attachments)
package msgpack
