package judge

const worldStep = 31
const liarStep = 11
