//go:build race

package content

// verify panics where the file is not as it always is when its lock is given
// back.
func (f *File) verify() {
	if err := f.check(); err != nil {
		panic(err)
	}
}
