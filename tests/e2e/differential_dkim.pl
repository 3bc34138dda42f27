# Verifies each file named on standard input with Mail::DKIM; its words: pass, fail, invalid, temperror, none.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::Resolver;

my ($port) = @ARGV;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $port, recurse => 1));
while (my $path = <STDIN>) {
    chomp $path;
    open(my $file, '<:raw', $path) or die "$path: $!";
    local $/;
    my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT(scalar <$file>);
    $verifier->CLOSE;
    print $verifier->result, ' ', $verifier->result_detail, "\n";
    close $file;
}
