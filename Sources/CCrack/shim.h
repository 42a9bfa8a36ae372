#include <crack.h>
