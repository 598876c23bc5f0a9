"""Plain typed values, free of torch: what capture writes, rules read and renderers show."""
