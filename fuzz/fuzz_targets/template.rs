#![cfg_attr(fuzzing, no_main)]

ebb_fuzz::target!(template);
