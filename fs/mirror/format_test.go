package mirror_test

func (b *box) inOrder(strict bool) error { return nil }
