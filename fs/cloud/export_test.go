package cloud

// OpenDirStepwise is OpenDir on a kernel without openat2.
func OpenDirStepwise(path string) (Dir, error) {
	d, err := OpenDir(path)
	if err != nil {
		return nil, err
	}
	d.(*dir).open = openEach
	return d, nil
}
