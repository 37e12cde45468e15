package judge

const worldStep = 31
