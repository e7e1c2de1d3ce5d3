// The pack command writes an archive whose bytes depend on the contents of a folder only: the
// entries are sorted, belong to root and have one time.
//
//	pack -time SECONDS ARCHIVE FOLDER
//
// The archive is a .tar.gz or a .zip. Its entries are below the base name of the folder.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	seconds := flag.Int64("time", 0, "time of all entries, in seconds since 1970")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: pack -time SECONDS ARCHIVE FOLDER")
	}
	if err := pack(flag.Arg(0), flag.Arg(1), time.Unix(*seconds, 0).UTC()); err != nil {
		log.Fatal("pack: ", err)
	}
}

// entry writes the header of a file of the archive and returns where its contents go.
type entry func(name string, size int64, mode fs.FileMode) (io.Writer, error)

// pack writes the archive.
func pack(archive, folder string, at time.Time) (err error) {
	file, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	switch {
	case strings.HasSuffix(archive, ".tar.gz"):
		zipped, _ := gzip.NewWriterLevel(file, gzip.BestCompression) // fails for unknown levels only
		w := tar.NewWriter(zipped)
		return errors.Join(add(folder, inTar(w, at)), w.Close(), zipped.Close())
	case strings.HasSuffix(archive, ".zip"):
		w := zip.NewWriter(file)
		return errors.Join(add(folder, inZip(w, at)), w.Close())
	}
	return fmt.Errorf("%s: the name must end in .tar.gz or .zip", archive)
}

func inTar(w *tar.Writer, at time.Time) entry {
	return func(name string, size int64, mode fs.FileMode) (io.Writer, error) {
		return w, w.WriteHeader(&tar.Header{
			Name: name, Size: size, Mode: int64(mode), ModTime: at, Typeflag: tar.TypeReg,
			Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
		})
	}
}

func inZip(w *zip.Writer, at time.Time) entry {
	return func(name string, _ int64, mode fs.FileMode) (io.Writer, error) {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at}
		header.SetMode(mode)
		return w.CreateHeader(header)
	}
}

// add adds the files of a folder in the order of their names. Their modes are 0755 if the owner
// may execute them, and 0644 otherwise.
func add(folder string, begin entry) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		rel, err := filepath.Rel(filepath.Dir(folder), path)
		if err != nil {
			return err
		}
		w, err := begin(filepath.ToSlash(rel), info.Size(), mode)
		if err != nil {
			return err
		}
		contents, err := os.Open(path)
		if err != nil {
			return err
		}
		defer contents.Close()
		_, err = io.Copy(w, contents)
		return err
	})
}
