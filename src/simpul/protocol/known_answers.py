"""Known answers for `keys.self_test`: data, no code.

Ed25519: RFC 8032 §7.1, test 1. AES-256-GCM: McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14.
The others were made once with cryptography 50.0.2, whose algorithms the tests compare with the vectors that
cryptography_vectors carries (NIST's ML-DSA and ML-KEM files, hpke-pq).
"""

from __future__ import annotations

from base64 import b85decode
from typing import Final

SIGNED: Final = b"simpul known answer"
ED25519_SEED: Final = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
ED25519_SIGNATURE: Final = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)
AESGCM_SEALED: Final = bytes.fromhex("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
COBBLESTONE_KEY: Final = bytes.fromhex("c28b01e74dbf131ead30474da6b5cc0a07dcf9c98bfe8e7cf25aa33b3df48a56")
COBBLESTONE_CONTEXT: Final = b"simpul known answer context"
COBBLESTONE_SEALED: Final = b85decode(
    "b(9E>18)re`JE=`WO1W@*u(>Maa1q5hX4>O+C3@kU5F1%MBgEygk^Yde&|fyzdE^QmX;{z8ay|+3kWi|>ROXv(a<2}v?tu*j"
    ">5SUsR^HBTYNKmUYlb"
)
XWING_SEED: Final = bytes.fromhex("9488ce5af92c598c759a97930b43ed6c567e22421b9998b8519b10306c22f5a6")
XWING_INFO: Final = b"simpul known answer info"
XWING_PLAIN: Final = bytes.fromhex("a116c9ed46d6207734a43317d30fd88f52ac8634c37d904bbf4e41d865f90475")
XWING_WRAPPED: Final = b85decode(
    ";uj$8w`TA-GEi*5et`X<Zux=d#~^kY>3t-1HU~}Mm~k})X@LU4nKkA%KRLzuMQS?t64J)p(~mx^nkoRVs-K%1V-M6|>6rXZ_"
    ")jsbAXkO;fa)k~E{FbVBs|xKdt`vxfGM4_BPomF$REssBfbyS8m2N5D4RzXLWQimFTOm|3d1ui_cWs&_+>w-6>Nj7y1^in>d"
    "}v}!i6R50j$lGw}YDtfXABx7e9{#*K1dy>n;jhNH+4<3`0|BOE&XiN6zqJ<oEC$eX~i;p3&E-(@Fe|oZ(}*Xv4{wM!SiA_oE"
    "yNYw$tdzP+0i4Q_6xjd9U~t8bABFu#p1=JZNXV`zZ1l&;6Rs}VD3K4utKxq!81Dbqx5?CeFvw6|Gfl(PU>#1;^*u16d+q&fO"
    "+0I#fR^1bA0z!%JL7`;8kf8?#&1M1IjqlLOs5lr2~(WCNV=I$_?68Qj+(V9~evB2KHHooR4V3}83Gc#k7Qvs?c@5vku0iXwH"
    "DXDWo)+UjfHN$jd5|u+Ar4KRYVRns6_eo@fz6G3jL;qxlw%f9;0B?vHX>lyIv-E-4V7t`jd#bQ|q0kvDf|vEM+m)Jl-~zkig"
    "@buxZJ#_gfOJ*rI{cBl)ZaB=>ouXpoZgJ*sS6WyS|=`bdeN~Qam9adYVH_2kg=uSnkUUiGNRJ__bBnRx<Z>{La+31|Fli#0}"
    "hc?KPiAZ!Xk?eO;=nc;R+c<<gnz)B$LhE#qRVFKMw7o40KwTOL^GOGth#Za=G;Xd5Fh=4IM{8#=O=v>1NY@&;JbAgl1xnoAm"
    "AcRzs1NJ=YGTs>H;YfUy09ZLOAyZ&kQUn}r#HK!)qX)n6SiQtAz9S)rC=5pVIY(=yYOMyJRyGNb}$ZRH`UBZCA?RU{g&PE1p"
    ")-XaP!H6_$5!7{a-7(Ma*%J>(gbRwT1CR+s0%lZ}?<n@=5B$26<kq>iYD`Q6ZT1y8VgfP=l^8u)R*Q&A1wt&yL_p^nCbgGW%"
    "wbZlmhrpNiE5BH|MZq*FP?q2IC<YaMGCvm|?5vOwT|?z|7m^NJ*+%1_i<v3RK(x`rRSKh|u&4rs8a%c>P3NeS-4Hh@YwMh&)"
    "IjEoBmCIpb5cm|A9ltCi{N?CTes<MD2xERm{|zVUD;A7)JEXXO3#Q$jeF%Y)k@@v=q$#<iKS{Yi2>IXZb-Zgj|@ebe#fZz>^"
    "}gsacO1pXjTwJ7U(UE?j+<5n^_Rx5mvxsMU)oFyqVlIHK&0#-I#K*+x~Lt`|bj|3ZN&-CTEpOFj+OHZgNXSgOOEqEgb#p##f"
    "X4(cQ#Ob{WcB5%|pom5pYtYbw#39gD@bg?~RDH4Opv`8M%FY`K~(1;8;LYILj9K!el@auOznhcv#xDqYkib_mqHN5%jtPVEw"
    "GN3fY51i`8<+CVvY?by_u*)j0LS&DOTP-oS$ONkjUK6*H_OKr-K`^~XCk=#^HZa^Q2F^q6I%*!yB+DqMpTEL3X7ti?g9PO`&"
    "ycj=6?wy$n$&PI%&;CDu"
)
MLDSA_SEED: Final = bytes.fromhex("9488ce5af92c598c759a97930b43ed6c567e22421b9998b8519b10306c22f5a6")
MLDSA65_SIGNATURE: Final = b85decode(
    "bJDtyEJ=hYej?oVC1qQ>cEivRg^e5aKS(ZUFZB!SFJiWP=H0tzJPben=CArgyaX@<OKRLi-B1f?LUP=~zXz9BKc^1Oi)%^_M"
    "qU}$0qrv4a#r^^r~_Q^PNY=CAOTax4I}~F>QPf~nrEb+{<z`$n+XYwBtd`flzu%UO!z3T%_1Z3ATnfCsAdL>QkyA?Y3hTB;q"
    "Nr)X#kvMz-j79BH4sN0$;7@b~!zkC?M!zW*|k%Pi2i6c3`+)*1rOws0IaZtDOq1SJ)3$i`q<Jp7SUkEPd=z<Q49LoD#8~)wI"
    "9*l0jwEOs9!ld%DjY+{4@q&Bc4wm$(M)vu=z)4@DO)4q-mwRMa}$+d)v$lSOQGN1?*M?`p2cwD|64YjEY2vJ2IL?;7)$PmJy"
    "0IRu0}L30U@5cTdE-|~+Lh_ANv8yBJVRHe?^zN<b9?l*%GL<W;NOqqh;CPm=p*4^WhA*bWfKV$;x*DP{X3A67F@HNj4W60fV"
    "*}&Ibom@F{rSY=k-EtMHv4SshS8$(sn#a8)5fj*S<QNZr7l$|Ww&>P2dU%R;W{aR(p7j`C1n-0s1$#nQ@S-Q25k_46mY{OX2"
    "R5pM6TTZ)^8m_w=MS50vU}iXW52UwJ>Xpw5U*77-ca(V_U$yYK?@7Y^0UdP1^TudU{24_)!KeQw^jm)XsCI8q@FUdJ$$Ku{L"
    "^FPbKvx5_Z3NSkrYGQeIHQ-14ldcK;&*-pO?Pp)OL7E2%`|S(8gSoi0(D`mSt_g>(IEzxVZV**MNO$dLVALoQwv;x48E@mtz"
    "hggvVSs*oL#~$G?D|7p>4)iR;jgm&m3v1=arC^Bl}fK_oR<lub@6vjj6mJzj16BnmkMM{ulyOfRsdC3+PIgTia-t!2GvYo_A"
    "Vs?Na96oeh-b>idq!5(A3)JGsgBH_KJuPy_Z_77T+ecN3#9Y0OjfumIA%hCYiAv_+Y=<ZPt7Qdmep>6&>jh^9|8Wq|ncKPu&"
    "go^-lj<4Alisnbp>K3OX%>I`etHC_)QQp;~ztAgxyH!H3h!%s}+o#OHc3qPSro9<SdD6^}sMsWhj@mA@Hkk@}$QJJXX-<R7z"
    "#@IZtxCqipk%!)-IKpLtK;!IOcg*A?Bw72l1f>Rmye+gtZgBf8ZNoej4g@>x4|h{;tsZv8GD6m`$@@}kstFQ^d6&c%e$OaFv"
    "JB)2!_)bZrd*kg-cS_?vFNWxV(MC0;svV>;|anQx9r-c7r9j&sIoI^7>h`lYxRC7>Ka-lnZ=A2|eBseTjU8qbDOUoBY5HWfW"
    "M2AyGkg)&oGB#$MV<-^m#TFt0iO!gCB+s!gurgZP&M!cstKae?`)@VmtoIQ!r>Q^r`iKj_v-nw^{g*MaRiB5bYgpPjrjBV1Z"
    "F>@{unJ%&th+6aKz5Ha0OPW+m`V=x?t<KR(uxy%d{pJx|Mh|B#u2kjdk@!eD(8-Y#Xwn7opz2L)a>1fN_Py&k}N(6sV*XC0>"
    "SMzVBRHStK#^S6^N4eY6B+|Kq%Rj~#q65b4<QH$^P!gg;eth!U5TCHe&U~dSmPE-Ofhw|?qs670neK@g5#{VRY*o|qpF&Kb;"
    "w>DRgcQN54Olpld(<)5yrzXY*cPQ^`=I&?fJh*x`-j-xordUXNYTZD-gf#$aV#18+=+1=1FW=q1>a<lrfeXfzt+A1nhash{k"
    "i>6@QcL6$&0%1G6B&M#0aO@((dy&29(4M`$j2CgUO3UTgW|4^-*$bpYCLdS&WuERX&C=hn!48!$5i~TFLMhRe8mxIwB+rmTC"
    "Ax3@)qU{Nb~1DDy!QFl}Sgq&ipks*)-4-`f)?*%oVC%Rf6IjeBUP<s$ANicTs;S$$ib`A(z!d8U})&Sv)Lw)EKvZ0u76))$@"
    "-obZ1_3GB}z#w*J39huLbii7A*%GT)yMw&pgU#l>bui~nfTb`g}uHD?*=S&NlY+S!m{S?6{Lz?$TDPBodDFVClxqbVAP$#<R"
    "y-OA}s)?T=3+89UrOJQSt;AOG)`sFZ1tS1W)X#q5{;XeK!n*rS%H8oF=QNr7)yI&Vi-HCRaEPtfmH3AvzphJVu$KNs*p96C*"
    "0A}H0PF!ZWQ9U%?^i|qaNp{-K1+Y=jFd1)Iw)|fv6pY+FaOFQZz`rBu|UBn+Kzq{4PM^2H-Ykz&6KxZ`pU3D-qkXis7t&`Bs"
    "lV+NV`S>^=q$BYgSIa1Vp+lBcQ>5Uq0o0;fRKONVi+vy)r;EPU<oi%zGM>`1cyuhp)XJ`#X(}OD3qL|AI!b?9D#cgIf$MQQc"
    "osv5wtQd(=i(asKNdLtl~$jmy+foKCol^+Y=vDD6nxSjcIzXxcEXYq`Cf&bvx>w6*@m*0yd$ZOV3%n9)TNi^jtKbT~0KwaX-"
    ";aw=M@w75@FNmV5cn0%3CI9#u4<MZZCGp;C*`Q52tE^nCe^RC<$3g5l%c*$L6sU}=1<Wz?d$BtLtM4NLtr57mm9t64nP$*XQ"
    "x?xtIcXq9{y6aY{O;x%*N7pW)b1^1Lh>`qQ3g8hnz%hxdNm{_svftj&2VVw`{hf4<iYMN!Q@|-;A!o7fyMgA}97t&`DGW$6H"
    "a@aq3Q~h%gML>cy33oU+`*gtaKp?WgdIIBC=MeO%5$zoxY|uUrn^kj%Pglh6<UBqSWDQj6JzM@dz3~iP5UMGz0MWHL+6^uHk"
    "}zK)QFQvx5;#qZMQ*eFiSDa-XtW(5K9Nhye-JRPIDOz)=y^<W1)w*KCuJ=(ye3uv_3oSOj_zVYm~{D)yh=FT*_s|ZyE%6(1g"
    "C!PesFllP@F-f1q%F4l{R8VtI-XNrC(GMasQSBA{t;Yp1TjMWv-B3;5zNi#S(&f7wp?OwnX=)rub(a`K;N<&zX&^b>v9GpH?"
    "ZP~{pb6JJB8`w#?pi=jQ{*aZWk_6MDm2Qf^S^4H|fb5hY^G2kawf|vh8TLMn=AC;iIac!|-+L0*-BczoeUT_h=Jw-S-$sMvn"
    "-et&nBvUK6wpO2DZ1mJ0d&HXrKXORj4U10flK%xY-gMSrzGftdH1XtINJPA?Z`=hBVaz0awA2M7XO{*CDo?*|mha`<h6s#E-"
    "S8!oLe-)5O|{xI-L_c+?=6OI`k;EtHRw4!h@U-x1=btsF~yTFZYoSe@6m9oj9ed#4hsKmZM6wtVpBdhkrv9uS4jumdh5=b$C"
    "f0N>*TsRp}pOh7l$U(`_mcM9nn>8`E9X#ipVs4PsMYF$Gm7eQ&Nsl%N!Ct4xP#3!wL`>SAL}~VpVH@7XX){x_L}ufj-@IBLc"
    "!jAt_gS$CI)>bubrVo&w)F%u{?sHvxJWJw{k?B@i)P-*V`uxK)QZ1XoF{V=FEu%Y;F2?b9f&V96cvdMt>l5-&s-(1yROE=K`"
    "!XFPPEm1;4DV5c7d*!`;6Gwmk99VeKa5acKhDoe4b6aJ+wd}(PfH@mCmqOHI&vm?NB&+zdB%aOwviJGeRUOVogPg6=O^nV^I"
    "hU)cOhp|%uI&;cot*SP+Hd;lkSor5c$+o+$qA+c(Bvx-)+GRyLF@Q=}nO4IAI&V+R2E$dLrxm`alfq4AQ}o6HE2?ZWi9A+Rn"
    "@e{L<?M7C+GjhR!uNsvAgZfnC_yHIt1bIv|L=uYp#lOFy&>hwSygreM}f6i*6Eb4^V!H+^EG>?6LF@_mLL_er>S)lHDhZ0>P"
    "c<prq^}uu~M?g-Gbpyy)o!I*=qR_Kz}?Qz|t2S{bayC3X6_y`w^81M=PGAQ8zzwPdpniPh+$C!!^HG{CM*QbB`wzv5l9EGsc"
    "||&T6zeh}Gz3VYqOX_FM|f3mh@*@h_Qb_=Rwz_0Ri+7Ze&-eXTHsg&q(>2w;h<m1QrQAH6w6qO;F528!tfhJTB*C()VLdNh!"
    "Uu$Xm(%xcpGN`>V}^-RztZkZ;|?UR4kdCu{%q+!p!-SJhD^eKcGE!@02OjhXLlS0hXya!yt!vqOh4_I5b^TSH;rAs!kuv1Wo"
    "g@>7Ny+dt}b+2-vJxh7-ehD3Q+v2KpNew^;o4J!$uzR^Nv<`GdHK?6Irdq<H$#q%aZIKG|9se*x$IVMbCVc6g=}x|%Fb#s(%"
    "OGz^k6g-S7gmhJw~)>p5jkv;H$5W`|DLD_$H9#k`Fqs9sWOVX&S2KK2#@BzGQb8CKYY5$@k5Z?Cy^<%tupvgFy}}?L0pvkH`"
    "0(I$g7w$c7;Pb<40rzAI27)%grdn05e*Njh>&Wxc&YKI#06|Ia+CfilwaT9%_J~CViQq#^~)878+8!`Tzg`0000000000000"
    "0B4;UOHDF"
)
MLDSA44_SIGNATURE: Final = b85decode(
    "nYlSx7Os9{Zu++59u)ltL@;O%Z%&q;;Y&T?IJ;L|_sm!U$nBr~=ohQ6b@_4HuL9@F#t)+cghED~V~vCm53D#p0Abu1iJP^0t"
    "WoPIE-~=4!SU@gR4sdm(8Z*;2nlM<h{|=`?PhHi#J%jIXte*v#4f4M<GB=Nw5Azm8|fLhA}1)L15{4s)szToqjX=sWQ*_I-{"
    "GbvlcTkWsS$SB{!CM=Xx~*qVSX{fM~El?pqLJo8L@e<wmU;#D<P7G(O`ssb)r^*>37=)#c<|lEo@KeTkQk;M_a=-Dny*uG*3"
    "KH3L>geYeaITZ<Aqe5sniEZf?C8z%(Ss%BW{_QV$=Lb;s(DiM!5;&o?E9`lX}+9yC%BUtXFy77yZNgwedy;oqb4%Dk%o1h@="
    "x&ecOjp+K8Iqw;#SC;!E?4w<w8an%6WyZdgXHWmCO`RIQZRz3CI_c?Z-4l(At=5|Dx+A)+({qZ0Od$=S&!aPV?0Ol!QKIF4E"
    "4`RvspP{uTqE05WI*lk*#^VF|i#cPAz=CBlvbx~f+zx6h>mWsb8-85r$^_Is#Fyp|8(SRVdYNC>=E(U~2vw7~zNm4#B5_-7d"
    "F@DW#N%`sc>`3-Jvn=J0g&Wv>FI15VyZ<G00S8sc)?BVWG5l|mnWTo(W}LRK^Z=DWt|vJxSvYD_|&Ifkn31S_@bW?b<@2G!1"
    "rp+zQ+Ii;s{F2gKJ#Qna|f+0Fsm`2Pvx%sPEKu*NiBf)9Rp$E-r(Am^udr&)5pD*dN*pZ5E`(cR-Ih6>eRzEAW}2^vGod-vl"
    "Yh@Q+n>8Fj_E#}c7OAr#l#swcV;(Eq8gNl(r&Pkb)WZbEjd>dz`saE%&zf6<=_SaIGAxW?+MbGo163on+~&9I8e>$0oJKmOy"
    "G>d95;&Zf=dW3Hg?W>A15Gc(X-xXZ9HU@i{0K+|$goXp(88!&wf=)V+qlzr5Yg(nBf7Ns%6YB7i;)XpAclKL@`n|`oVeI5X5"
    "@vxkEN8z2JIxY~frZ>d)@WLM(S4D4zBnpDL#>Y?-<I{h}HoOYx!lU*`s5RnMI9s{%#7~B^f`Y;p1Rrf)t$274`X>?%yC1LR)"
    "DSLa(q=sw6^f@_0RN3T-^cJ@+jE#=pOmJaa)Xi!BQ@lCffi+gbA^*f<@&B~4_jgSZ)q;4l~ngl<)@8gY{J&F6k#odPxn`GWn"
    "a&8H!?uIn0u=N(=2NArGvtVi0zUteLPZ`?<P%t@{DMB)rVF~SvOpbY09GCICP>w6hfcIlG0sbZ$Z|tOP0SChh)losaoM<D;X"
    "x(G)Tr)bn`$ad}|ouOT~iWf9Qn4^?`pVk&+Wo{{LgnD&vT2Leh~g^UqrWM-VPk<iU>I60~}#pKlrsfH0sRchOmG#r>4nww=Y"
    "}Y1FGt?JutWU3Jsu+$YCV`e0pC=Mgx(4#dyRWRB_2>b{PZF`RC%%RlfyGBm2{Pmpe>IUmv|^S^(AK<WMj@j_0k5_=g(*$ICX"
    "_9U@lYXP!3?}lr~`}~LCvYa-o4ge|jWzmWYi&>S#9n=}XXQ-2{d)$tACE+i6an0RR6L~8K7S<Td^g$cHuJbDCMrp-g#j2($a"
    "?;=xT*Nr*1Q<om1$~)@{9FKd`={4()2IiDTE8U4z9TES(MhZ8p*fwbZGSZZPXii<5-7M6UKl4|uG|@D#$owTX5Q>yn%Nx$P_"
    "EskFL!k(WV0V(f4Cn5v(vikXVf7;j4mWsXV_EOOkPQ%D-M4bMe<r8ZpL9bO&y@KoFJ@IWh7%HK6LbDito32NK!TkHCHMnTX*"
    "gl4jKYenmg#5zgT!G-d#r}PaDMuQ*<T^`O+1sr;qwg-DMTR3sFoQN@?8jGv5~Y+7H!o&?(SoeN|1+`L?wnL+uS;JlXcO6q^<"
    "-pTt8173V6;M&jNiSJ!Z{>s}K(A(e|_WXK3pb=Ud=YK3x-)^R2}3ee=GU!$O`!jv5bdfcl~z*h^NWgDyhiG?Q=U^)E$Y=Y%A"
    "mI#eaGtKSAu1dWA9i!Nw8y=-#6TYv7Usqv@Q_tC@OQ?}x{E#n^Zzkz$_MBsl6%2;C8q`g}c_3*Defyzz1^f$gdsnNS<QC<Vq"
    "~alVk3KpC+oxO^{KzX}dr&N*+YY)A>69|B{p__LkX*IJ5m>}O!$0~yFd>Gcj-xVP-=3l_wzt0oQ4HD!CU4eh?dZCa4nX~3m}"
    "UwO-M#X%5k(x-jyG}aR!A187y4ZkN%|Zn(d*3Z`-S#2Ghmwnc>;BJL2czEZg(cVq5I`xNjB8}Xx_z^r>y%g=HsK(Zi4zJgp)"
    "7ID>9PAt%p7%K*wdRR4U__6G72dDe_33`!5<bKIb*UbgP<h5xO&kN|u!Z9||9^DBq9z>`3~YjFIiR`%RK{FNj`R4{}z{W=FA"
    "d6qkAhi<ee&e`M#|#FRcONLxbWo^TWl3X({*TBL}XB<KTe5kg`J!wBWrronq7U`bdB)-o5Aj@8&k9s^DJ#Jnt^)^-_N)i;PS"
    "5u^0+K!EioWaJ?ie{wvTL$Tee!adFKb)ce02#Q$G?D|wJ@JUOqw8GhrW9;t?=*`L-#@5(|)dtoHM0#ic!a(%{iwLd1*IK(yq"
    "j^twW3rOwNZeF6#dt^Vs(SXk2qj}!d53d^YVcu!oGWr8`pOvZWs{HZ?V?=o4h~<#+D#zcRGGgb=t#@8H^iN1Rz6H&*+DiB#J"
    "hFQ({A&o8^-#g2=W6QG_8<3Zo@x~g!sysLAh^2Lp$%KC6<)c?6fu|KGLaD(`k>Z>J~AJ?l{L2X6dciO?XQKf!#hV2)*se;i;"
    "=;%B#(5q6LkEY&HI<;X)Kf00Z~I1-S7=oLVx0kxF}$S2mIX1fn?R#C2Y&5|=mKHkj1yLR^&7SFls_-}1+IYjvOYQjG|ifO(!"
    "g&yOioUg(zu>!k^5oB)_K3qmfrjFXj;lAEGFGH;BOGIFONH10RJ8cCVj0Cq#MlK3K_k~syX!vSHIb}Nd7J>?2Z7E^HR#;MFS"
    "rNMlYFfnm!^N<N=OJoBU*RWjexv-3Pte&HVQxc)y0v{(oMOs{RrmnNJ#Lm$@UuJfUovyg(>FfCa0RtW+GCWFBR9$j`j;5@yv"
    "%Ja6&e<6vFiB8WTVZu}fQO8)wYI&+*4yam00000000004;(T`"
)
