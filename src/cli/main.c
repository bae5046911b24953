#include <stdio.h>

int main(void)
{
    (void)puts("sternpost");
    return 0;
}
