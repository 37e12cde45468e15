package mirror

// Commit is Sync without its end: the clouds have everything then, and the log still holds it.
func (m *Mirror) Commit() error { return m.files.Commit() }

// CommitDue is one of the background's rounds: of the files whose time has come.
func (m *Mirror) CommitDue() error { return m.files.CommitDue() }

// Retire is what the background does to the log every few seconds.
func (m *Mirror) Retire() error { return m.files.Retire() }
