#include "test/v1/everything.pb-c.h"
