// Package wirejson reads and writes the JSON of tokens, key sets, handshakes and
// packets. It is the only package that imports the JSON library, and no type of
// that library is in its exported signatures, so that encoding/json/v2 can replace
// the library. The rules below are pinned by the tests of this package.
//
// Unmarshal, UnmarshalKnown, UnmarshalCompatible, Members, Valid and Indent are
// strict, so that two parsers cannot read one text in two ways: member names match
// exactly, a member must not be given twice in any object, and the text must be
// valid UTF-8.
//
// Functions with Peer in their name accept what JSON.parse accepts.
//
// Errors never repeat the text that was read, because it may hold a token.
package wirejson
